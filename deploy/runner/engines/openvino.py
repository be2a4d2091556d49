"""OpenVINO, on its CPU plugin, or on that of a GPU or NPU that it finds.

Of the delegates `xnnpack`, the default of plans, and `none` both mean the CPU.
"""

from __future__ import annotations

import functools
import os
import sys
from importlib.metadata import version
from typing import Any

from ..messages import Json, RunnerError, first_line
from .feeding import Buffers, real

DEVICES = {"xnnpack": "CPU", "none": "CPU", "gpu": "GPU", "npu": "NPU"}
"""OpenVINO's devices by delegate."""

INFO = ("layerType", "originalLayersNames", "runtimePrecision")
# Layers that compute nothing of the network: its borders, constants, and changes of form.
FORM = ("Input", "Output", "Const", "Reorder", "Reshape", "Convert", "FakeQuantize")


class OpenVinoEngine(Buffers):
    """One stream for the lowest latency, on the plan's threads."""

    def __init__(self, path: str, plan: Json) -> None:
        super().__init__()
        openvino = find_runtime()
        self.elsewhere = DEVICES.get(plan["delegate"]) != "CPU"
        compiled = compile_model(openvino, path, plan)
        self.compiled = compiled
        self.request = compiled.create_infer_request()
        for number, port in enumerate(compiled.inputs):
            array = self.add_input(port.shape, port.element_type.to_dtype())
            self.request.set_input_tensor(number, openvino.Tensor(array, shared_memory=True))
        self.invoke = functools.partial(self.request.infer, share_outputs=True)

    @staticmethod
    def runtime() -> tuple[str, str]:
        find_runtime()
        return "openvino", version("openvino")

    def output_names(self) -> list[str]:
        return [min(port.names, default="") for port in self.compiled.outputs]

    def output(self, place: int) -> Any:
        return real(self.request.get_output_tensor(place).data)

    def delegation(self) -> Json:
        """The types that the layers really run in, as the plugin's execution graph says."""
        types: Json = {}
        for op in self.compiled.get_runtime_model().get_ordered_ops():
            info = op.get_rt_info()
            kind, made_of, precision = (info[name].astype(str) for name in INFO)
            quantises = all("fq_" in name for name in made_of.split(",") if name)
            if kind not in FORM and not quantises:
                types[precision] = types.get(precision, 0) + 1
        # A model that is compiled for one device runs there whole, or is refused.
        whole = {"partitions": 1, "leftover_ops": []} if self.elsewhere else super().delegation()
        return {**whole, "layer_types": types}


def compile_model(openvino: Any, path: str, plan: Json, **more: Any) -> Any:
    """The model of an artifact's folder, compiled as a plan wants it, with `more` properties.

    Which cores it runs on is the plan's choice, so the plugin pins no threads itself. What is in
    float is computed in the file's own type, fp16 where the CPU can and the file holds fp16, else
    fp32; left to itself the plugin would take bfloat16 for fp32 where the CPU has it.
    """
    core = openvino.Core()
    device = device_of(core, plan["delegate"])
    model = core.read_model(os.path.join(path, "model.xml"))
    halved = any(op.get_output_element_type(0) == openvino.Type.f16 for op in constants(model))
    if device != "CPU":
        return core.compile_model(model, device, {"PERFORMANCE_HINT": "LATENCY", **more})
    can_halve = "FP16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    properties = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": plan["threads"],
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "f16" if halved and can_halve else "f32",
    }
    return core.compile_model(model, "CPU", {**properties, **more})


def device_of(core: Any, delegate: str) -> str:
    """OpenVINO's name of a delegate's device. Raises `RunnerError` if it does not find one."""
    there = [str(name).partition(".")[0] for name in core.available_devices]
    device = DEVICES.get(delegate)
    if device is None or device not in there:
        known = [name for name, device in DEVICES.items() if device in there]
        raise RunnerError(f"OpenVINO has no {delegate} delegate here; it has: {', '.join(known)}")
    return device


def constants(model: Any) -> list[Any]:
    return [op for op in model.get_ops() if op.get_type_name() == "Constant"]


def find_runtime() -> Any:
    # It counts its uses over the network where this can be imported, and does without where not.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except Exception as error:  # A wheel for another NumPy fails in ways of its own.
        raise RunnerError(
            f"OpenVINO cannot be imported; pip install openvino ({first_line(error)})"
        ) from None
    return openvino
