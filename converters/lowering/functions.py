"""Operators that ONNX defines by others, written out where a target has no lowering of its own.

Swish  =>  Mul, Sigmoid, Mul            MeanVarianceNormalization  =>  ReduceMean, Pow, ...
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import onnx
import onnx.inliner
from onnx import defs, helper, shape_inference

# Defined by a loop, which no target has.
_LOOPS = frozenset({"Range", "SequenceMap"})
# A definition may use another operator that has a definition.
_DEPTH = 3


def written_out(model: onnx.ModelProto, known: Container[str]) -> onnx.ModelProto:
    """The model without operators that are not `known` but that ONNX defines by others."""
    for _ in range(_DEPTH):
        definitions = _definitions(model, known)
        if not definitions:
            return model
        typed = shape_inference.infer_shapes(model, data_prop=True)
        # The inliner asks for the types of weights too, and looks for them among the values.
        typed.graph.value_info.extend(
            helper.make_tensor_value_info(w.name, w.data_type, w.dims)
            for w in typed.graph.initializer
        )
        for node in typed.graph.node:
            if node.op_type in definitions:
                _say_defaults(node, definitions[node.op_type])
        model = onnx.inliner.inline_selected_functions(
            typed, [("", op) for op in definitions], inline_schema_functions=True
        )
    return model


def _definitions(model: onnx.ModelProto, known: Container[str]) -> dict[str, Any]:
    """The schemas of the operators that are to be written out, by their names."""
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
    found: dict[str, Any] = {}
    for op in sorted({n.op_type for n in model.graph.node if n.domain in ("", "ai.onnx")}):
        if op in known or op in _LOOPS or not defs.has(op, opset, ""):
            continue
        schema: Any = defs.get_schema(op, opset, "")
        if schema.has_function or schema.has_context_dependent_function:
            found[op] = schema
    return found


def _say_defaults(node: onnx.NodeProto, schema: Any) -> None:
    """Give a node the attributes that it leaves out: the inliner takes no defaults."""
    given = {attribute.name for attribute in node.attribute}
    for name, attribute in schema.attributes.items():
        if name not in given and attribute.default_value.name:
            node.attribute.append(attribute.default_value)
