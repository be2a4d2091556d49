"""One detector in the layouts that others give their detectors: DETR's, YOLO's, SSD's."""

from __future__ import annotations

import numpy as np
import onnx
from made_tasks import CELL, CELLS, SIDE, _means, _model
from onnx import TensorProto, helper

QUERIES = CELLS**2


def _logits() -> list[onnx.NodeProto]:
    """A number for each cell and colour, `turned` (1, 16, 3): above zero where the colour is."""
    return [
        helper.make_node("Conv", ["image", "means"], ["cells"], strides=[CELL, CELL]),
        helper.make_node("Add", ["cells", "shift"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "scale"], ["logits"]),
        helper.make_node("Reshape", ["logits", "by_class"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["turned"], perm=[0, 2, 1]),
    ]


def _weights() -> dict[str, np.ndarray]:
    return {
        "means": _means(),
        "shift": np.array(-0.5, np.float32),
        "scale": np.array(12, np.float32),
        "by_class": np.array([1, 3, QUERIES]),
    }


def _centres(side: float) -> np.ndarray:
    """Centre, width and height of each cell (1, 16, 4), in parts of `side`."""
    centres = [(x + 0.5, y + 0.5) for y in range(CELLS) for x in range(CELLS)]
    boxes = [(x * CELL, y * CELL, CELL, CELL) for x, y in centres]
    return np.array([boxes], np.float32) / side


def detr() -> onnx.ModelProto:
    """`logits` (1, 16, 4) with *no object* last, before a softmax; `pred_boxes` (1, 16, 4), centre,
    width and height as parts of the image. No box has to be thinned out."""
    weights = {
        **_weights(),
        "none": np.zeros((1, QUERIES, 1), np.float32),
        "queries": _centres(SIDE),
        "still": np.array(0, np.float32),
    }
    nodes = [
        *_logits(),
        helper.make_node("Concat", ["turned", "none"], ["class_logits"], axis=2),
        # Boxes depend on the image in a real one, and so are computed here too.
        helper.make_node("ReduceMean", ["turned"], ["mean"], axes=[2], keepdims=1),
        helper.make_node("Mul", ["mean", "still"], ["moves"]),
        helper.make_node("Add", ["queries", "moves"], ["pred_boxes"]),
    ]
    shapes = {
        "class_logits": (TensorProto.FLOAT, (1, QUERIES, 4)),
        "pred_boxes": (TensorProto.FLOAT, (1, QUERIES, 4)),
    }
    return _model(nodes, shapes, weights)


def yolo(objectness: bool = False) -> onnx.ModelProto:
    """YOLOv8's head, `output0` (1, 7, 16), in pixels; with `objectness` YOLOv5's, (1, 16, 8)."""
    weights = {**_weights(), "places": _centres(1), "still": np.array(0, np.float32)}
    nodes = [
        *_logits(),
        helper.make_node("Sigmoid", ["turned"], ["scores"]),
        helper.make_node("ReduceMax", ["scores"], ["object"], axes=[2], keepdims=1),
        helper.make_node("Mul", ["object", "still"], ["moves"]),
        helper.make_node("Add", ["places", "moves"], ["boxes"]),
    ]
    parts = ["boxes", *(["object"] if objectness else []), "scores"]
    columns = 4 + objectness + 3
    shape = (1, QUERIES, columns) if objectness else (1, columns, QUERIES)
    name = "output0" if objectness else "rows_first"
    nodes.append(helper.make_node("Concat", parts, [name], axis=2))
    if not objectness:
        nodes.append(helper.make_node("Transpose", [name], ["output0"], perm=[0, 2, 1]))
    return _model(nodes, {"output0": (TensorProto.FLOAT, shape)}, weights)


def ssd() -> onnx.ModelProto:
    """Corners `boxes` (1, 16, 4) as parts of the image, `scores` (1, 16, 4), background first."""
    centres = _centres(SIDE)
    corners = np.concatenate(
        [centres[..., :2] - centres[..., 2:] / 2, centres[..., :2] + centres[..., 2:] / 2], 2
    )
    weights = {
        **_weights(),
        "none": np.zeros((1, QUERIES, 1), np.float32),
        "corners": corners,
        "still": np.array(0, np.float32),
    }
    nodes = [
        *_logits(),
        helper.make_node("Concat", ["none", "turned"], ["all"], axis=2),
        helper.make_node("Softmax", ["all"], ["scores"], axis=2),
        helper.make_node("ReduceMean", ["turned"], ["mean"], axes=[2], keepdims=1),
        helper.make_node("Mul", ["mean", "still"], ["moves"]),
        helper.make_node("Add", ["corners", "moves"], ["boxes"]),
    ]
    shapes = {
        "boxes": (TensorProto.FLOAT, (1, QUERIES, 4)),
        "scores": (TensorProto.FLOAT, (1, QUERIES, 4)),
    }
    return _model(nodes, shapes, weights)
