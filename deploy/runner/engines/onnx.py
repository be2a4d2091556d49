"""ONNX, in ONNX Runtime on the CPU. The plan's delegate means nothing to it."""

from __future__ import annotations

import functools
import os
from typing import Any

from ..messages import Json, RunnerError, first_line
from .feeding import Buffers, real

# The others are NumPy's own names, in brackets: tensor(uint8).
DTYPES = {"float": "float32", "double": "float64"}


class OnnxEngine(Buffers):
    """A session with every optimisation; operators run one after another, on the plan's threads."""

    def __init__(self, path: str, plan: Json) -> None:
        super().__init__()
        onnxruntime = find_runtime()
        session = onnxruntime.InferenceSession(
            path, session_options(onnxruntime, plan), providers=["CPUExecutionProvider"]
        )
        binding = session.io_binding()
        for port in session.get_inputs():
            array = self.add_input(shape_of(port), dtype_of(port))
            value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
            binding.bind_ortvalue_input(port.name, value)
        self.names = [str(port.name) for port in session.get_outputs()]
        self.outputs = []
        for port in session.get_outputs():
            shape, dtype = shape_of(port), self.np.dtype(dtype_of(port)).type
            value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, dtype)
            binding.bind_ortvalue_output(port.name, value)
            self.outputs.append(value)
        self.invoke = functools.partial(session.run_with_iobinding, binding)

    @staticmethod
    def runtime() -> tuple[str, str]:
        return "onnxruntime", str(find_runtime().__version__)

    def output_names(self) -> list[str]:
        return self.names

    def output(self, place: int) -> Any:
        return real(self.outputs[place].numpy())


def session_options(onnxruntime: Any, plan: Json) -> Any:
    """The options that a plan's threads mean."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = plan["threads"]
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return options


def shape_of(port: Any) -> list[int]:
    """A port's shape, which has to be fixed. Raises `RunnerError`."""
    if not all(isinstance(side, int) for side in port.shape):
        sides = ", ".join("?" if side is None else str(side) for side in port.shape)
        raise RunnerError(
            f"the shape of its {port.name} is not fixed ({sides}); fix it with edgebench export "
            "--input-shape"
        )
    return list(port.shape)


def dtype_of(port: Any) -> str:
    """NumPy's name of a port's type: `float32` for `tensor(float)`."""
    name = port.type[len("tensor(") : -1]
    return DTYPES.get(name, str(name))


def find_runtime() -> Any:
    # It counts its uses over the network, and leaves a number of its own in the user's home.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except Exception as error:  # A wheel for another NumPy fails in ways of its own.
        raise RunnerError(
            f"ONNX Runtime cannot be imported; pip install onnxruntime ({first_line(error)})"
        ) from None
    return onnxruntime
