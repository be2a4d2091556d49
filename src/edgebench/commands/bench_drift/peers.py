"""The vendors' own quantisers with their own defaults, on our graph and our calibration data."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgebench.commands.bench_drift.entry import environment
from edgebench.content import Content
from edgebench.converters.hidden import hidden
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.quiet import quiet
from edgebench.errors import EdgeBenchError
from edgebench.progress import Progress

Validate = Callable[[Any, Iterable[int]], tuple[float, list[list[Array]]]]
"""Of a compiled OpenVINO model and numbers of images: the figure, and each image's outputs."""

_PROGRAM = Path(__file__).with_name("ai_edge_program.py")
_REASON_LINES = 1


class NotInTimeError(EdgeBenchError):
    """A tool was not finished in the time that it was given."""


def onnxruntime_defaults(graph: OnnxGraph, samples: Sequence[Sample]) -> Content:
    """`quantize_static` after its own preparation, nothing else said."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(samples)

        def get_next(self) -> dict[str, Any] | None:
            sample = next(self._left, None)
            return None if sample is None else dict(sample)

    with tempfile.TemporaryDirectory(prefix="edgebench-") as name, quiet():
        source, prepared, made = (Path(name, f"{i}.onnx") for i in range(3))
        onnx.save(graph.model, source)
        quant_pre_process(source, prepared)
        quantize_static(prepared, made, Reader())
        return made.read_bytes()


def nncf_defaults(graph: OnnxGraph, samples: Sequence[Sample]) -> Content:
    """`nncf.quantize`, nothing else said."""
    from edgebench.converters.openvino.session import to_folder

    model, data, nncf = _nncf(graph, samples)
    with quiet():
        return to_folder(nncf.quantize(model, data))


def nncf_accuracy_control(
    graph: OnnxGraph,
    samples: Sequence[Sample],
    validation: Mapping[int, Sample],
    validate: Validate,
    max_drop: float,
    limit_s: float,
    progress: Progress,
) -> Content:
    """`nncf.quantize_with_accuracy_control` for the same budget, stopped after `limit_s` seconds.

    `validation` are the deciding images by number, and `validate` is asked for some or all of
    them. NNCF ranks layers by how far outputs are off: it is given outputs, because for a figure of
    each image it would ask image by image. Raises `NotInTimeError`.
    """
    from edgebench.converters.openvino.session import to_folder

    model, data, nncf = _nncf(graph, samples)
    names = _names(model, graph)
    clock = _Clock(limit_s, progress)

    def figure(compiled: Any, items: Iterable[int]) -> tuple[float, list[list[Array]]]:
        return validate(compiled, map(clock.passed, items))

    def fed(item: int) -> dict[str, Any]:
        clock.passed(item)
        return {name: validation[item][name] for name in names}

    progress("NNCF's accuracy control", 0, 0)
    with quiet():
        made = nncf.quantize_with_accuracy_control(
            model, data, nncf.Dataset(list(validation), fed), figure, max_drop=max_drop
        )
        return to_folder(made)


class _Clock:
    """Counts the images that a tool asks for, and stops it when its time is up."""

    def __init__(self, limit_s: float, progress: Progress) -> None:
        self._started, self._limit_s, self._progress = time.monotonic(), limit_s, progress
        self._images = 0

    def passed(self, item: int) -> int:
        """The image itself. Raises `NotInTimeError`."""
        self._images += 1
        seconds = time.monotonic() - self._started
        if seconds > self._limit_s:
            raise NotInTimeError(
                f"not finished in {self._limit_s:.0f} s, after {self._images:,} inferences of "
                "deciding images",
                "give it more time by --limit",
            )
        self._progress("NNCF's accuracy control", int(seconds), int(self._limit_s) + 1)
        return item


def _nncf(graph: OnnxGraph, samples: Sequence[Sample]) -> tuple[Any, Any, Any]:
    from edgebench.converters.openvino.convert import to_model

    model = to_model(graph)
    with quiet(), hidden("torch"):  # NNCF's other framework.
        import nncf
    names = _names(model, graph)
    return model, nncf.Dataset([{n: sample[n] for n in names} for sample in samples]), nncf


def _names(model: Any, graph: OnnxGraph) -> Sequence[str]:
    """Those of the graph's inputs, in the sequence of the model's."""
    from edgebench.converters.openvino.session import input_names

    return input_names(model, [port.name for port in graph.inputs])


def ai_edge_defaults(python: Path, float32: bytes, feeds: Sequence[Sequence[Any]]) -> Content:
    """ai-edge-quantizer's static int8 recipe, in the Python of an environment that has it.

    `feeds` are the arrays of each sample in the sequence of the file's inputs, as it takes them.
    Raises `EdgeBenchError`.
    """
    with tempfile.TemporaryDirectory(prefix="edgebench-") as name:
        source, made, data = (Path(name, one) for one in ("f.tflite", "q.tflite", "feeds.npz"))
        source.write_bytes(float32)
        columns = [np.stack(arrays) for arrays in zip(*feeds, strict=True)]
        np.savez(data, *columns)
        command = [str(python), str(_PROGRAM), json.dumps([str(source), str(data), str(made)])]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        if done.returncode or not made.exists():
            reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-_REASON_LINES]
            raise EdgeBenchError(
                f"ai-edge-quantizer failed: {reason}", "give a Python that has it with --ai-edge"
            )
        return made.read_bytes()
