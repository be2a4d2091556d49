"""ONNX, in ONNX Runtime: on the CPU, or whole on Qualcomm's NPU.

Of the delegates `xnnpack`, the default of plans, and `none` both mean its own kernels;
`xnnpack-provider` are those of XNNPACK, which few builds have.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from ..messages import Json, RunnerError, first_line
from . import qnn_provider, xnnpack_provider
from .feeding import Buffers, real

# The others are NumPy's own names, in brackets: tensor(uint8).
CPU = ("xnnpack", "none")
NPU = ("npu", "qnn")
XNNPACK = "xnnpack-provider"

DTYPES = {"float": "float32", "double": "float64"}


class OnnxEngine(Buffers):
    """A session with every optimisation; operators run one after another, on the plan's threads."""

    def __init__(self, path: str, plan: Json) -> None:
        super().__init__()
        onnxruntime = find_runtime()
        self.delegate = plan["delegate"]
        session = opened(onnxruntime, path, plan)
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

        self.session = session

    def delegation(self) -> Json:
        """The parts that the provider runs. An NPU leaves nothing, or there is no session."""
        if self.delegate == XNNPACK:
            return xnnpack_provider.delegation(self.session)
        if self.delegate not in NPU:
            return super().delegation()
        return qnn_provider.delegation(self.session)

    @staticmethod
    def runtime() -> tuple[str, str]:
        return "onnxruntime", str(find_runtime().__version__)

    def output_names(self) -> list[str]:
        return self.names

    def output(self, place: int) -> Any:
        return real(self.outputs[place].numpy())


def opened(onnxruntime: Any, path: str, plan: Json) -> Any:
    """A session with the plan's delegate. Raises `RunnerError` for one that it does not have."""
    if plan["delegate"] in NPU:
        qnn_provider.require_npu()
        return qnn_provider.session(onnxruntime, path)
    if plan["delegate"] == XNNPACK:
        options = session_options(onnxruntime, plan)
        return xnnpack_provider.session(onnxruntime, path, options, plan["threads"])
    if plan["delegate"] not in CPU:
        raise RunnerError(
            f"ONNX Runtime has no {plan['delegate']} delegate here; it has {', '.join(CPU)} and, "
            f"in some builds, {XNNPACK} and, with an NPU of Qualcomm, {', '.join(NPU)}"
        )
    options = session_options(onnxruntime, plan)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


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
