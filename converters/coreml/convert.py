"""ONNX to Core ML packages, one for each precision asked for.

The graph is lowered once for each iOS version that the precisions need, and converted once for
float32 and once for float16; what keeps weights in fewer bits is made of the float16 program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from edgebench.content import Content
from edgebench.converters import ranges
from edgebench.converters.backend import Instructions
from edgebench.converters.coreml import metadata, overflow
from edgebench.converters.coreml.evaluator.quantise import quantise_activations
from edgebench.converters.coreml.feeding import feed
from edgebench.converters.coreml.image import ImageInput, image_input
from edgebench.converters.coreml.lower import CLASS, PROBABILITIES, layer_of, lower, value_names
from edgebench.converters.coreml.mil import ct, unchecked
from edgebench.converters.coreml.package import packed
from edgebench.converters.coreml.precisions import Precision, precision_of
from edgebench.converters.mapped import Mapped
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.precision import RangeMethod
from edgebench.converters.quiet import quiet
from edgebench.converters.ranges import Range
from edgebench.errors import UnsupportedModelError
from edgebench.progress import Progress, silent

DEFAULT_IOS = 16
# Noise to look for overflows with, where there is no calibration data.
_NOISE = 4


@dataclass
class _Source:
    """A graph with what is common to all its files; keeps what several precisions need."""

    graph: OnnxGraph
    image: ImageInput | None
    labels: tuple[str, ...]
    samples: Sequence[Sample]
    floats: dict[tuple[int, bool], Any] = field(default_factory=dict)
    overflows: tuple[overflow.Overflow, ...] | None = None

    def found_overflows(self) -> tuple[overflow.Overflow, ...]:
        if self.overflows is None:
            self.overflows = overflow.find(self.graph.model, self.samples)
        return self.overflows

    def kept_in_float(self) -> Callable[[str], bool] | None:
        """Whether an operation of the program belongs to one of the graph's `float_nodes`.

        None where there are none.
        """
        if not self.graph.float_nodes:
            return None
        names = value_names(self.graph.model)
        kept = {
            names[output]
            for node in self.graph.model.graph.node
            if (node.name or node.output[0]) in self.graph.float_nodes
            for output in node.output
            if output
        }
        return lambda operation: layer_of(operation) in kept

    def own_range(self, value: str) -> Range | None:
        """The model's own range of a value of the program; None where it has none."""
        return self._own_ranges.get(value)

    @cached_property
    def _own_ranges(self) -> dict[str, Range]:
        names = value_names(self.graph.model)
        found = {names[name]: span for name, span in self.graph.ranges.items() if name in names}
        if self.image is not None and self.image.name in self.graph.ranges:
            # Where a multiplication makes what the range is that of, it is not the image's own.
            span = found.pop(names[self.image.name])
            found[self.image.as_value(names[self.image.name])] = span
        return found

    def float_model(self, ios: int, half: bool) -> Any:
        if (ios, half) not in self.floats:
            self.floats[ios, half] = self._converted(ios, half)
        return self.floats[ios, half]

    def _converted(self, ios: int, half: bool) -> Any:
        model, free = self.graph.model, not self.graph.ranges
        model = model if self.image is None else self.image.with_spread(model, free)
        lowering = lower(model, ios, probabilities=bool(self.labels))
        inputs = None
        if self.image is not None:
            inputs = [self.image.coreml_type(lowering.names[self.image.name])]
        classifier = None
        if self.labels:
            classifier = ct.ClassifierConfig(
                list(self.labels), CLASS, predicted_probabilities_output=PROBABILITIES
            )
        precision = ct.precision.FLOAT32
        if half:
            kept = overflow.layers_to_keep(self.graph.model, self.found_overflows())
            # Reading the scores in float32, the softmax also keeps their cast before the class,
            # which coremltools wants to find last when it compresses weights.
            layers = {lowering.names[name] for name in kept} | {PROBABILITIES}
            precision = ct.transform.FP16ComputePrecision(
                op_selector=lambda op: layer_of(op.name) not in layers
            )
        with quiet():
            return ct.convert(
                lowering.program,
                source="milinternal",
                convert_to="mlprogram",
                minimum_deployment_target=getattr(ct.target, f"iOS{ios}"),
                inputs=inputs,
                classifier_config=classifier,
                compute_precision=precision,
                pass_pipeline=_passes(),
                skip_model_load=True,
            )


def _passes() -> Any:
    """coremltools' own passes, but one that takes a sum over 1023 for a mean of 1024.

    It compares reciprocals of counts with an absolute tolerance of 1e-6, and so makes an unbiased
    variance of a large map a biased one (coremltools 9.0, November 2026).
    """
    passes = ct.PassPipeline()
    passes.remove_passes({"common::fuse_reduce_mean"})
    return passes


def convert_all(
    graph: OnnxGraph,
    precisions: Sequence[str],
    calibration: Sequence[Sample] = (),
    instructions: Instructions | None = None,
    progress: Progress = silent,
) -> dict[str, Content]:
    """A Core ML package for each precision, by its name, which `ranges.named` may have made.

    Raises `UnknownNameError`, `UnsupportedModelError`, `DataError`.
    """
    wanted = {name: precision_of(ranges.parted(name)[0]) for name in precisions}
    instructions = instructions or Instructions()
    versions = {name: _ios(one, instructions.ios) for name, one in wanted.items()}
    image = image_input(graph, instructions.preprocessing) if instructions.image_input else None
    samples = calibration or [reference.noise(graph.model, seed) for seed in range(_NOISE)]
    source = _Source(graph, image, _labels(graph, instructions), samples)
    files: dict[str, Content] = {}
    for done, (name, precision) in enumerate(wanted.items()):
        progress(f"convert to {name}", done, len(wanted))
        with unchecked():
            files[name] = _file(source, precision, versions[name], ranges.parted(name)[1])
    if any(precision.half for precision in wanted.values()) and source.found_overflows():
        instructions.note(overflow.note(source.found_overflows()))
    progress("convert", len(wanted), len(wanted))
    return files


def _ios(precision: Precision, asked: int | None) -> int:
    """The iOS version of a file: the user's, or the first that is enough."""
    if asked is not None and asked < precision.least_ios:
        raise UnsupportedModelError(
            f"coreml:{precision.name} needs iOS {precision.least_ios}; asked for is iOS {asked}",
            f"export for --ios {precision.least_ios}, or choose another precision",
        )
    return asked or max(DEFAULT_IOS, precision.least_ios)


def _labels(graph: OnnxGraph, instructions: Instructions) -> tuple[str, ...]:
    """The labels, where the only output scores each of them, of one image at a time."""
    labels = tuple(instructions.labels or ())
    return labels if [port.shape for port in graph.outputs] == [(1, len(labels))] else ()


def _file(
    source: _Source, precision: Precision, ios: int, method: RangeMethod
) -> Mapping[str, bytes]:
    model = source.float_model(ios, precision.half)
    keep = source.kept_in_float()
    if precision.activations:
        fed = Mapped(source.samples, partial(feed, source.graph, source.image))
        own = source.own_range
        model = quantise_activations(model, fed, keep=keep, method=method, own=own)
    if precision.compress is not None:
        with quiet():
            model = precision.compress(model, keep)
    what = f"{precision.description}, iOS {ios} or later"
    metadata.describe(model, source.graph, source.image, what)
    kept = source.found_overflows() if precision.half else ()
    names = tuple(one.node for one in kept)
    return packed(model, metadata.user_defined(source.graph, precision.name, source.image, names))
