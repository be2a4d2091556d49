"""From a torch module to the ONNX graph that every target starts from."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import onnx
import torch
from onnx import TensorProto, helper
from onnxscript import opset18
from torch import nn
from torch.fx import config
from torch.fx.experimental.optimization import fuse

from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.quantised import in_float, left_in
from edgebench.converters.onnx.simplify import simplify
from edgebench.converters.quiet import quiet
from edgebench.errors import UnsupportedModelError
from edgebench.models.build import Model
from edgebench.models.fake_quantise import for_export

OPSET = 18
INPUT = "image"

_FAKE_QUANTISE = torch.ops.aten.fake_quantize_per_tensor_affine.default


def to_onnx(model: Model) -> OnnxGraph:
    """Export a model of the zoo at batch 1.

    Batch norms are folded into their convolutions first, in a copy: the exporter would do it too,
    but only after carrying each of them through all its steps, which takes a third longer. The
    input is `image` (1, 3, S, S), the output `logits` (1, classes), or what a head gives.
    """
    size, name, rounded = model.spec.input_size, model.spec.name, model.rounded
    exported = _exported(
        fuse(model.module) if rounded is None else for_export(rounded),
        name,
        [(1, 3, size, size)],
        [INPUT],
        model.outputs,
        "this is a fault in the zoo; please report it with the model's name",
    )
    return _graph(exported, name, "zoo")


def module_to_onnx(
    module: nn.Module, name: str, inputs: Sequence[str], shapes: Sequence[Sequence[int]]
) -> OnnxGraph:
    """Export a user's own module in evaluation mode, whose arguments are float32 tensors.

    `inputs` and `shapes` name its arguments and their shapes, in order. Raises
    `UnsupportedModelError` where torch's exporter cannot take it.
    """
    remedy = "export it to ONNX in the way that your model needs, and give the .onnx file"
    exported = _exported(module.eval(), name, shapes, inputs, None, remedy)
    return _graph(exported, name, "module")


def _exported(
    module: nn.Module,
    name: str,
    shapes: Sequence[Sequence[int]],
    inputs: Sequence[str],
    outputs: Sequence[str] | None,
    remedy: str,
) -> onnx.ModelProto:
    """Torch's own (dynamo) exporter, checked. Raises `UnsupportedModelError`."""
    try:
        with quiet(), torch.no_grad(), _unhindered():
            program = torch.onnx.export(
                module,
                tuple(torch.zeros(*shape) for shape in shapes),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=None if outputs is None else list(outputs),
                verbose=False,
                custom_translation_table={_FAKE_QUANTISE: _rounded},
            )
    except Exception as error:  # Tracing runs the module's own code, which may raise anything.
        raise UnsupportedModelError(
            f"torch cannot export {name} to ONNX: {_cause(error)}", remedy
        ) from error
    if program is None:
        raise UnsupportedModelError(f"torch exported nothing for {name}", remedy)
    exported: onnx.ModelProto = program.model_proto
    onnx.checker.check_model(exported)
    return exported


def _rounded(x: Any, scale: float, zero: int, low: int, high: int) -> Any:
    """Fake quantisation as QDQ, which torch's exporter has no form of."""
    ops: Any = opset18
    step = ops.Constant(value_float=scale)
    kind = TensorProto.UINT8 if low >= 0 else TensorProto.INT8
    offset = ops.Constant(value=helper.make_tensor("zero", kind, (), [zero]))
    return ops.DequantizeLinear(ops.QuantizeLinear(x, step, offset), step, offset)


@contextmanager
def _unhindered() -> Iterator[None]:
    """Leave garbage until afterwards, and do not note where in the code each operation is.

    The exporter makes millions of objects and keeps most: looking through them again and again
    takes a sixth of its time. The notes take another sixth, and simplification drops them; a torch
    that does not know of the setting makes them.
    """
    enabled, silent = gc.isenabled(), getattr(config, "do_not_emit_stack_traces", False)
    gc.disable()
    config.do_not_emit_stack_traces = True
    try:
        yield
    finally:
        config.do_not_emit_stack_traces = silent
        if enabled:
            gc.enable()


def _cause(error: BaseException) -> str:
    """The first line of what went wrong at the bottom of it."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _graph(exported: onnx.ModelProto, name: str, source: Literal["zoo", "module"]) -> OnnxGraph:
    quantised = in_float(name, exported)
    graph, notes = simplify(quantised.model, external=source != "zoo")
    ranges, kept = left_in(graph, quantised)
    digest = hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()
    return OnnxGraph(graph, name, source, digest, notes, kept, ranges)
