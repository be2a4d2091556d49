"""Operators that passes put into models of older opsets, as ONNX Runtime can run them there.

    Gelu before opset 20, HardSwish before opset 14   =>   a function of the model's own

Lowerings read these operators at any opset. To bring the whole model to a newer one would change
nodes that nobody asked to change.
"""

from __future__ import annotations

import math

import onnx
from onnx import helper

from edgebench.converters.onnx.opset import opset_of

_DOMAIN = "edgebench"
_SINCE = {"Gelu": 20, "HardSwish": 14}


def with_newer_ops(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, or where its opset lacks some of its operators a copy that defines them."""
    opset = opset_of(model)
    lacking = {op for op, since in _SINCE.items() if opset < since}
    found = sorted({node.op_type for node in model.graph.node if _is_one(node, lacking)})
    if not found:
        return model
    defined = onnx.ModelProto()
    defined.CopyFrom(model)
    for node in defined.graph.node:
        if _is_one(node, lacking):
            node.domain = _DOMAIN
    defined.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    opsets = [helper.make_opsetid("", opset)]
    for op in found:
        body = _gelu() if op == "Gelu" else _hard_swish()
        defined.functions.append(helper.make_function(_DOMAIN, op, ["x"], ["y"], body, opsets))
    return defined


def _is_one(node: onnx.NodeProto, ops: set[str]) -> bool:
    return node.op_type in ops and node.domain in ("", "ai.onnx")


def _gelu() -> list[onnx.NodeProto]:
    """x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016)."""
    return [
        helper.make_node("Constant", [], ["root"], value_float=math.sqrt(2)),
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Constant", [], ["half"], value_float=0.5),
        helper.make_node("Div", ["x", "root"], ["scaled"]),
        helper.make_node("Erf", ["scaled"], ["erf"]),
        helper.make_node("Add", ["erf", "one"], ["sum"]),
        helper.make_node("Mul", ["x", "sum"], ["product"]),
        helper.make_node("Mul", ["product", "half"], ["y"]),
    ]


def _hard_swish() -> list[onnx.NodeProto]:
    """x max(0, min(1, x / 6 + 1 / 2)) (Howard et al. 2019)."""
    return [
        helper.make_node("HardSigmoid", ["x"], ["gate"], alpha=1 / 6, beta=0.5),
        helper.make_node("Mul", ["x", "gate"], ["y"]),
    ]
