"""Whether a conversion is right.

A format is proved in float32 first, whichever precision was asked for: the graph in each of its
forms against the graph before the passes. A file of another precision is then proved layer by
layer, within what its rounding does to a layer. Whatever fails is a fault of edgebench or of the
vendor's tool, and no file is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgebench.content import Content
from edgebench.converters import layers, parity
from edgebench.converters.artifact import Hop
from edgebench.converters.backend import Backend, Converted
from edgebench.converters.file_value import Value, Values
from edgebench.converters.layers import Layer
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.passes.bisect import first_wrong_pass
from edgebench.converters.passes.pipelines import Formed, Pipeline
from edgebench.converters.rounding import ROUNDINGS, Rounding
from edgebench.converters.sensitivity import outputs_db
from edgebench.converters.targets import FORMATS, Target
from edgebench.errors import ParityError

FLOAT32 = "fp32"

SAMPLES = 2
"""Of so many inputs the layers are compared: an error of a layer shows in each."""


def in_float32(
    graph: OnnxGraph,
    pipeline: Pipeline,
    form: Formed,
    format_name: str,
    backend: Backend[Any],
    content: Content,
    expected: parity.Outputs,
    trial: parity.Trial,
) -> Hop:
    """Prove a format's float32 content, made of a form of the graph. Raises `ParityError`."""
    opened = open_for_proof(format_name, form.graph, content)

    def explain() -> tuple[str, str]:
        blamed = first_wrong_pass(graph, pipeline, trial.samples[0])
        if blamed:
            return (
                f"the graph pass {blamed} changes what the graph computes",
                f"no {format_name} file was written; --no-passes exports without it. This is a "
                "bug in edgebench: please report it",
            )
        return (
            layers.first_difference(
                _layers(form.graph, backend, content, opened, trial, ROUNDINGS[FLOAT32])
            ),
            f"no {format_name} file was written; replace that layer in the model, or export to "
            f"another format. {_bug(format_name)}",
        )

    def sensitivity() -> Sequence[float]:
        """Rounding explains nothing where a layer is wrong by itself."""
        found = _layers(form.graph, backend, content, opened, trial, ROUNDINGS[FLOAT32])
        if layers.first_wrong(found) is not None:
            return [math.inf] * len(trial.outputs)
        return outputs_db(graph.model, trial.samples, expected)

    step, outputs = f"onnx->{format_name}:{FLOAT32}", opened.run_all(trial.samples)
    return parity.prove(step, expected, outputs, trial, explain, sensitivity)


def open_for_proof(format_name: str, graph: OnnxGraph, content: Any) -> Converted:
    """As the file defines it where kernels vary, and otherwise as a device runs it."""
    form = FORMATS[format_name]
    return form.load().open_converted(graph, content, exact=form.kernels_vary)


def lower_precision(
    target: Target,
    graph: OnnxGraph,
    backend: Backend[Any],
    content: Content,
    opened: Converted,
    expected: parity.Outputs,
    trial: parity.Trial,
) -> Hop:
    """Prove a file of a lower precision layer by layer, and measure what the precision costs.

    Raises `ParityError`.
    """
    wrong = layers.first_wrong(
        _layers(graph, backend, content, opened, trial, _rounding(target.format, target.base))
    )
    if wrong is not None and not np.isfinite(wrong.own_error):
        raise _overflow(target, f"the values of {wrong.node or wrong.value} ({wrong.op_type})")
    if wrong is not None:
        raise ParityError(
            f"onnx->{target} does not compute what it should: the first layer that differs is "
            f"{wrong}, where rounding explains {wrong.rounding_db:.1f} dB",
            f"the file was not written; export to another precision. {_bug(target.format)}",
        )
    outputs = opened.run_all(trial.samples)
    hop = parity.measure(f"onnx->{target}", expected, outputs, trial)
    if hop is None:
        raise _overflow(target, "some outputs")
    return hop


def _rounding(format_name: str, precision: str) -> Rounding:
    corrected = FORMATS[format_name].corrects_biases
    return replace(ROUNDINGS[precision], biases_corrected=corrected)


def _overflow(target: Target, what: str) -> ParityError:
    return ParityError(
        f"onnx->{target}: {what} do not fit into the file's number type",
        f"the file was not written; export {target.format}:{FLOAT32}, or scale the values down",
    )


def _bug(format_name: str) -> str:
    return (
        f"This is a bug in edgebench or in {FORMATS[format_name].maker}: please report it with "
        "the model"
    )


def _layers(
    graph: OnnxGraph,
    backend: Backend[Any],
    content: Content,
    opened: Converted,
    trial: parity.Trial,
    rounding: Rounding,
) -> list[Layer]:
    samples = [trial.samples[i * len(trial.samples) // SAMPLES] for i in range(SAMPLES)]
    found = _with_outputs(backend.values(graph, content, samples), graph, opened, samples)
    return layers.compare(graph.model, samples, found, rounding, totals=False)


def _with_outputs(
    found: Iterable[Values],
    graph: OnnxGraph,
    opened: Converted,
    samples: Sequence[Sample],
) -> Iterator[Values]:
    """The values with the outputs that are not among them, as rounded to eight bits at most."""
    values = iter(found)
    for sample in samples:
        there = next(values)
        outputs = {}
        for port, array in zip(graph.outputs, opened.run(sample), strict=True):
            if port.name not in there and array.dtype.kind == "f":
                step = float(np.abs(array).max(initial=0.0)) / 127
                outputs[port.name] = Value(array, step)
        yield {**there, **outputs}
        del there
