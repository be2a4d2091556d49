"""The post-processing of a detector as ONNX nodes, behind any graph that gives its raw head.

offsets -> centres and sizes -> corners --+
logits  -> softmax -> without background -+-> NonMaxSuppression -> the best of all classes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from edgebench.converters.postprocess import MOST, Detector
from edgebench.tasks.detection_decode import CANDIDATES
from edgebench.tasks.detection_layout import BOXES, CLASSES, COUNT, SCORES

OPSET, IR_VERSION = 18, 10
_PREFIX = "detector."


class _Nodes:
    """Nodes and constants in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def floats(self, value: object) -> str:
        return self._constant(np.array(value, np.float32))

    def whole(self, *value: int) -> str:
        return self._constant(np.array(value, np.int64))

    def _constant(self, value: Any) -> str:
        name = f"{_PREFIX}constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"{_PREFIX}{kind}{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [name], f"{_PREFIX}{name}", **attributes)
        self.nodes.append(node)
        return name


def graph_of(detector: Detector) -> onnx.ModelProto:
    """The post-processing alone. Its inputs are the raw outputs, by their names."""
    nodes = _Nodes()
    boxes = _boxes(detector, nodes)
    likely = nodes.add("Softmax", detector.scores, axis=2)
    columns = nodes.whole(1), nodes.whole(detector.columns), nodes.whole(2)
    by_class = nodes.add("Transpose", nodes.add("Slice", likely, *columns), perm=[0, 2, 1])
    most, limits = nodes.whole(MOST), (detector.overlap, detector.least)
    chosen = nodes.add("NonMaxSuppression", boxes, by_class, most, *map(_single(nodes), limits))
    pairs = nodes.add("Gather", chosen, nodes.whole(1, 2), axis=1)
    scores = nodes.add("GatherND", nodes.add("Squeeze", by_class, nodes.whole(0)), pairs)
    # As many rows of nothing are put behind, so that there are always enough to choose from.
    filled = nodes.add("Concat", scores, nodes.floats(np.zeros(MOST)), axis=0)
    best, places = f"{_PREFIX}best", f"{_PREFIX}places"
    nodes.nodes.append(helper.make_node("TopK", [filled, most], [best, places], places, axis=0))
    kinds, rows = (_ordered(nodes, pairs, column, places) for column in (0, 1))
    real = nodes.add("Cast", nodes.add("Greater", best, nodes.floats(0)), to=TensorProto.FLOAT)
    placed = nodes.add("Gather", nodes.add("Squeeze", boxes, nodes.whole(0)), rows, axis=0)
    masked = nodes.add("Mul", placed, nodes.add("Unsqueeze", real, nodes.whole(1)))
    first = nodes.whole(0)
    nodes.add("Unsqueeze", masked, first, output=BOXES)
    numbers = nodes.add("Cast", kinds, to=TensorProto.INT32)
    nodes.add("Unsqueeze", numbers, first, output=CLASSES)
    nodes.add("Unsqueeze", best, first, output=SCORES)
    counted = nodes.add("ReduceSum", real, keepdims=1)
    nodes.add("Cast", counted, output=COUNT, to=TensorProto.INT32)
    outputs = [
        helper.make_tensor_value_info(BOXES, TensorProto.FLOAT, (1, MOST, 4)),
        helper.make_tensor_value_info(CLASSES, TensorProto.INT32, (1, MOST)),
        helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, (1, MOST)),
        helper.make_tensor_value_info(COUNT, TensorProto.INT32, (1,)),
    ]
    return _model(detector, nodes, outputs)


COORDINATES, CONFIDENCE = "coordinates", "confidence"


def candidates_of(detector: Detector) -> onnx.ModelProto:
    """What Core ML's suppression takes, from the raw outputs: pairs of a box and a class, each as a
    row of `coordinates` (pairs, 4), centre, width and height as parts of the input, and of
    `confidence` (pairs, classes), in which all other classes have zero.

    The suppression gives each row one class. So a box that may be two things is two rows. Of more
    pairs the best go in, as many as the task thins out itself.
    """
    nodes = _Nodes()
    classes, first = detector.columns - 1, nodes.whole(0)
    count = min(CANDIDATES, classes * len(detector.anchors))
    places = nodes.add("Squeeze", nodes.add("Concat", *_placed(detector, nodes), axis=2), first)
    likely = nodes.add("Softmax", detector.scores, axis=2)
    columns = nodes.whole(1), nodes.whole(detector.columns), nodes.whole(2)
    flat = nodes.add("Reshape", nodes.add("Slice", likely, *columns), nodes.whole(-1))
    best, pairs = f"{_PREFIX}best", f"{_PREFIX}pairs"
    kept = nodes.whole(count)
    nodes.nodes.append(helper.make_node("TopK", [flat, kept], [best, pairs], pairs, axis=0))
    rows = nodes.add("Div", pairs, nodes.whole(classes))
    nodes.add("Gather", places, rows, axis=0, output=COORDINATES)
    second = nodes.whole(1)
    kinds = nodes.add("Unsqueeze", nodes.add("Mod", pairs, nodes.whole(classes)), second)
    marked = nodes.add("Equal", kinds, nodes.whole(*range(classes)))
    ones = nodes.add("Cast", marked, to=TensorProto.FLOAT)
    nodes.add("Mul", ones, nodes.add("Unsqueeze", best, second), output=CONFIDENCE)
    sides = ((COORDINATES, 4), (CONFIDENCE, classes))
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (count, side))
        for name, side in sides
    ]
    return _model(detector, nodes, outputs)


def _single(nodes: _Nodes) -> Any:
    return lambda value: nodes.floats([value])


def _boxes(detector: Detector, nodes: _Nodes) -> str:
    """Top, left, bottom and right of each row, (1, rows, 4), as parts of the input."""
    centres, sizes = _placed(detector, nodes)
    half = nodes.add("Mul", sizes, nodes.floats(0.5))
    ends = nodes.add("Sub", centres, half), nodes.add("Add", centres, half)
    return nodes.add("Gather", nodes.add("Concat", *ends, axis=2), nodes.whole(1, 0, 3, 2), axis=2)


def _placed(detector: Detector, nodes: _Nodes) -> tuple[str, str]:
    """Centre (x, y) and size (width, height) of each row, (1, rows, 2), as parts of the input."""
    (centre, size), anchors = detector.variances, detector.anchors[None]
    moved = nodes.add("Mul", detector.offsets, nodes.floats([centre, centre, size, size]))
    two = nodes.whole(2)
    place = nodes.add("Slice", moved, nodes.whole(0), two, two)
    growth = nodes.add("Slice", moved, two, nodes.whole(4), two)
    shift = nodes.add("Mul", place, nodes.floats(anchors[..., 2:]))
    centres = nodes.add("Add", shift, nodes.floats(anchors[..., :2]))
    sizes = nodes.add("Mul", nodes.add("Exp", growth), nodes.floats(anchors[..., 2:]))
    return centres, sizes


def _ordered(nodes: _Nodes, pairs: str, column: int, places: str) -> str:
    """A column of the pairs of class and row, with zeros behind it, in the order of the best."""
    values = nodes.add(
        "Squeeze", nodes.add("Gather", pairs, nodes.whole(column), axis=1), nodes.whole(1)
    )
    return nodes.add(
        "Gather", nodes.add("Concat", values, nodes.whole(*[0] * MOST), axis=0), places
    )


def _model(
    detector: Detector, nodes: _Nodes, outputs: Sequence[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    count = len(detector.anchors)
    inputs = [
        helper.make_tensor_value_info(detector.offsets, TensorProto.FLOAT, (1, count, 4)),
        helper.make_tensor_value_info(
            detector.scores, TensorProto.FLOAT, (1, count, detector.columns)
        ),
    ]
    graph = helper.make_graph(nodes.nodes, "detector", inputs, outputs, nodes.constants)
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def behind(model: onnx.ModelProto, detector: Detector) -> onnx.ModelProto:
    """A model with a raw head, in any precision, and the post-processing behind it."""
    added = graph_of(detector)
    added.ir_version = model.ir_version
    standard = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    added.opset_import[0].version = standard
    same = [(name, name) for name in (detector.offsets, detector.scores)]
    merged: onnx.ModelProto = compose.merge_models(model, added, io_map=same)
    onnx.helper.set_model_props(merged, {one.key: one.value for one in model.metadata_props})
    return merged
