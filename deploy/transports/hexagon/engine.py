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
from edgebench.deploy.runner.engines.feeding import Feeding, real
from edgebench.deploy.runner.engines.onnx import dtype_of, find_runtime, shape_of
from edgebench.deploy.runner.engines.tflite import TFLiteEngine
from edgebench.deploy.runner.messages import Json, RunnerError, first_line
from edgebench.deploy.transports.hexagon.program import unpack

PROVIDER = "QNNExecutionProvider"
ALONE = "session.disable_cpu_ep_fallback"
RECORDED = "session.record_ep_graph_assignment_info"

SHOWN = 5
"""So many of the operators that the NPU does not take are named."""


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
                types = _listed([one.type for one in placed.left])
                raise RunnerError(
                    f"{soc.model} leaves {_operators(len(placed.left))} of {placed.operators} to "
                    f"the CPU: {types}; see: edgebench estimate"
                )
            ports = [[str(one["name"]) for one in self.inputs], self._file.output_names()]
            program = unpack(compiled.path, Path(folder), *ports)
            self._session = _session(program, _number(soc, compiled.number))
        self._partitions = placed.partitions
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
        return {"partitions": self._partitions, "leftover_ops": [], "layer_types": None}


class OnnxOnHexagon(Feeding):
    """An .onnx file, which QNN compiles when it is loaded. See `runner.engines` for the methods."""

    def __init__(self, path: Path, soc: Soc) -> None:
        self.np = np
        self._session = _session(path, _number(soc, soc.number))
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
        parts = [one for one in self._session.get_provider_graph_assignment_info()]
        return {"partitions": len(parts), "leftover_ops": [], "layer_types": None}


ENGINES = {"tflite": TFLiteOnHexagon, "onnx": OnnxOnHexagon}
"""By format."""


def _number(soc: Soc, found: int | None) -> int:
    """QNN's number of a SoC; results differ without it. Raises `RunnerError`."""
    if found is None:
        raise RunnerError(f"QNN's number of {soc.model} is not known; choose another SoC")
    return found


def _session(path: Path, number: int) -> Any:
    """A session in which the NPU runs everything. Raises `RunnerError` if it does not."""
    try:
        return _opened(path, number, alone=True)
    except Exception as error:  # ONNX Runtime's own types of error.
        left = _left_over(path, number)
        if left:
            raise RunnerError(
                f"the NPU leaves {_operators(len(left))} to the CPU: {_listed(left)}"
            ) from None
        raise RunnerError(f"QNN does not take it: {first_line(error)}") from None


def _opened(path: Path, number: int, alone: bool) -> Any:
    import onnxruntime_qnn

    runtime = find_runtime()
    if not any(one.ep_name == PROVIDER for one in runtime.get_ep_devices()):
        library = onnxruntime_qnn.get_library_path()
        runtime.register_execution_provider_library(PROVIDER, library)
    devices = [one for one in runtime.get_ep_devices() if one.ep_name == PROVIDER]
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry(ALONE, "1" if alone else "0")
    options.add_session_config_entry(RECORDED, "1")
    backend = {"backend_path": onnxruntime_qnn.get_qnn_htp_path(), "soc_model": str(number)}
    options.add_provider_for_devices(devices, backend)
    return runtime.InferenceSession(str(path), options)


def _left_over(path: Path, number: int) -> list[str]:
    """The types of the operators that would run on this machine's processor."""
    try:
        session = _opened(path, number, alone=False)
    except Exception:  # Then it is not the placement that fails.
        return []
    return [
        str(node.op_type)
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name != PROVIDER
        for node in part.get_nodes()
    ]


def _operators(count: int) -> str:
    return f"{count} operator" + "s" * (count != 1)


def _listed(types: list[str]) -> str:
    named = list(dict.fromkeys(types))
    more = f" and {len(named) - SHOWN} other types" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + more
