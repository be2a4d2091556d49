"""Nodes whose operands are all known are computed when the model is built."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from edgebench.converters.lowering.node import Array, CannotLower


def fold(proto: onnx.NodeProto, operands: Sequence[Array | None], opset: int) -> list[Array]:
    """Compute one node with ONNX's reference evaluator. Raises `CannotLower` where it fails."""
    names = [name for name in proto.input if name]
    known = [operand for operand in operands if operand is not None]
    unknown = onnx.TypeProto()
    graph = helper.make_graph(
        [proto],
        "fold",
        [helper.make_value_info(name, unknown) for name in dict.fromkeys(names)],
        [helper.make_value_info(name, unknown) for name in proto.output if name],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(proto.domain, opset)])
    try:
        results = ReferenceEvaluator(model).run(None, dict(zip(names, known, strict=True)))
    except Exception as error:  # the evaluator's failures have no common class
        raise CannotLower(f"its constant operands cannot be evaluated: {error}") from error
    return [np.asarray(result) for result in results]
