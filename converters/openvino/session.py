"""OpenVINO as this package uses it: without telemetry, its models as folders in memory.

Nothing of ours imports `openvino` but through here. OpenVINO and NNCF count their uses over the
network where `openvino_telemetry` can be imported, and do without where it cannot; so it cannot.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgebench.errors import UnsupportedModelError

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402
import openvino.passes  # noqa: E402

__all__ = [
    "NETWORK",
    "WEIGHTS",
    "exactly",
    "from_folder",
    "input_names",
    "last_line",
    "on_cpu",
    "openvino",
    "to_folder",
]

NETWORK, WEIGHTS = "model.xml", "model.bin"


def to_folder(model: openvino.Model, halved: bool = False) -> dict[str, bytes]:
    """The model in OpenVINO's intermediate representation, its weights `halved` to fp16 or not."""
    with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
        openvino.save_model(model, Path(folder, NETWORK), compress_to_fp16=halved)
        return {name: Path(folder, name).read_bytes() for name in (NETWORK, WEIGHTS)}


def from_folder(content: Mapping[str, bytes]) -> openvino.Model:
    """What `to_folder` made."""
    return openvino.Core().read_model(content[NETWORK], content[WEIGHTS])


def on_cpu(model: openvino.Model) -> openvino.CompiledModel:
    """The model on the CPU plugin, on one thread, and computed in float32 where it is in float.

    Left to itself the plugin takes bfloat16 on an x86 CPU that has it, 8 bits of mantissa, which
    moves the outputs of an fp32 model further than fp16 would (38 and 42 dB instead of 57 and 61).

    Raises `UnsupportedModelError` for a model that the plugin cannot compile.
    """
    return _compiled(model, {})


def exactly(model: openvino.Model) -> openvino.CompiledModel:
    """The model as its file defines it, in float32: the same numbers on every processor.

    The plugin runs a quantised model in integers that some processors saturate (x86 without VNNI
    adds pairs of products in 16 bits). To prevent that, the transformations to low precision are
    off, and the weights are folded to float32 first: without it the plugin leaves them in int8 and
    has no kernel for some layers. What is left are rounding (FakeQuantize) and float layers.
    The model is changed. Raises as `on_cpu` does.
    """
    folding = openvino.passes.Manager()
    folding.register_pass(openvino.passes.ConstantFolding())
    folding.run_passes(model)
    return _compiled(model, {"LP_TRANSFORMS_MODE": "OFF"})


def _compiled(model: openvino.Model, more: Mapping[str, str]) -> openvino.CompiledModel:
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    try:
        return openvino.Core().compile_model(model, "CPU", {**options, **more})
    except Exception as error:  # OpenVINO's errors share no narrower base.
        raise UnsupportedModelError(
            f"OpenVINO's CPU plugin cannot compile the model: {last_line(error)}",
            "export it to another format",
        ) from error


def input_names(
    model: openvino.Model | openvino.CompiledModel, known: Sequence[str]
) -> Sequence[str]:
    """ONNX's names of the inputs, in OpenVINO's order; those that nothing reads are gone.

    Raises `UnsupportedModelError` where it cannot be told which.
    """
    if len(model.inputs) == len(known):
        return known
    left = [port.node.get_friendly_name() for port in model.inputs]
    if not set(left) <= set(known):
        raise UnsupportedModelError(
            "OpenVINO drops inputs of the model that nothing reads, and renames the others",
            "leave out the inputs that nothing reads",
        )
    return left


def last_line(error: Exception) -> str:
    """What an error of OpenVINO's says in the end; its first lines name its own source files."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
