"""A file in Qualcomm's emulator of its NPU, by ONNX Runtime's QNN provider.

A .tflite file is compiled as for a phone first, and the emulator runs the program that the phone
would; an .onnx file is compiled by QNN itself. What the NPU does not take is an error: nothing of
the file may run on this machine's own processor.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgebench.deploy.npu import compiler
from edgebench.deploy.npu.socs import Soc
from edgebench.deploy.runner.engines import qnn_provider
from edgebench.deploy.runner.engines.feeding import Feeding, real
from edgebench.deploy.runner.engines.onnx import dtype_of, find_runtime, shape_of
from edgebench.deploy.runner.engines.tflite import TFLiteEngine
from edgebench.deploy.runner.messages import Json, RunnerError
from edgebench.deploy.transports.hexagon.program import unpack


class TFLiteOnHexagon(Feeding):
    """A .tflite file, compiled for the SoC's NPU. See `runner.engines` for the methods."""

    def __init__(self, path: Path, soc: Soc) -> None:
        self.np = np
        self._file = TFLiteEngine(str(path), {"threads": 1, "delegate": "none"})
        self.inputs = self._file.inputs
        with tempfile.TemporaryDirectory(prefix="edgebench-hexagon-") as folder:
            compiled = compiler.compile_for(path, soc, Path(folder, "compiled.tflite"))
            placed = compiled.placement
            if placed.left:
                types = qnn_provider.listed([one.type for one in placed.left])
                raise RunnerError(
                    f"{soc.model} leaves {qnn_provider.operators(len(placed.left))} of "
                    f"{placed.operators} to the CPU: {types}; see: edgebench estimate"
                )
            ports = [[str(one["name"]) for one in self.inputs], self._file.output_names()]
            program = unpack(compiled.path, Path(folder), *ports)
            self._session = qnn_provider.session(
                find_runtime(), str(program), _number(soc, compiled.number)
            )
        self._placed = placed
        self._given: dict[str, Any] = {}
        self._results: list[Any] = []

    def feed(self, detail: Json, values: Any) -> None:
        self._given[str(detail["name"])] = self._file.encoded(detail, values)

    def invoke(self) -> None:
        self._results = self._session.run(self.output_names(), self._given)

    def output_names(self) -> list[str]:
        return self._file.output_names()

    def output(self, place: int) -> Any:
        return self._file.decoded(self._file.outputs[place], self._results[place])

    def delegation(self) -> Json:
        return {
            "partitions": self._placed.partitions,
            "leftover_ops": [],
            "layer_types": None,
            "operators": {"npu": self._placed.taken, "cpu": 0},
        }


class OnnxOnHexagon(Feeding):
    """An .onnx file, which QNN compiles when it is loaded. See `runner.engines` for the methods."""

    def __init__(self, path: Path, soc: Soc) -> None:
        self.np = np
        self._session = qnn_provider.session(find_runtime(), str(path), _number(soc, soc.number))
        self.inputs = [
            {"name": port.name, "shape": shape_of(port), "dtype": dtype_of(port)}
            for port in self._session.get_inputs()
        ]
        self._names = [str(port.name) for port in self._session.get_outputs()]
        self._given: dict[str, Any] = {}
        self._results: list[Any] = []

    def feed(self, detail: Json, values: Any) -> None:
        self._given[detail["name"]] = np.asarray(values).astype(detail["dtype"])

    def invoke(self) -> None:
        self._results = self._session.run(self._names, self._given)

    def output_names(self) -> list[str]:
        return self._names

    def output(self, place: int) -> Any:
        return real(self._results[place])

    def delegation(self) -> Json:
        return qnn_provider.delegation(self._session)


ENGINES = {"tflite": TFLiteOnHexagon, "onnx": OnnxOnHexagon}
"""By format."""


def _number(soc: Soc, found: int | None) -> int:
    """QNN's number of a SoC; results differ without it. Raises `RunnerError`."""
    if found is None:
        raise RunnerError(f"QNN's number of {soc.model} is not known; choose another SoC")
    return found
