"""Small real models of each task, and the data that they are right on: squares of three colours.

The models find colours, so that their accuracy is high, and lower where numbers are coarse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIDE, CELL = 32, 8
CELLS = SIDE // CELL
COLOURS = np.array([(230, 30, 30), (30, 230, 30), (30, 30, 230)], np.uint8)
NAMES = ("red", "green", "blue")
TOKENS = 50


def classifier() -> onnx.ModelProto:
    """One score for each colour, (1, 3): how much of it is in the image."""
    nodes = [
        helper.make_node("Conv", ["image", "means"], ["cells"], strides=[CELL, CELL]),
        helper.make_node("Relu", ["cells"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["scores"]),
    ]
    return _model(nodes, {"scores": (TensorProto.FLOAT, (1, 3))}, {"means": _means()})


def segmenter() -> onnx.ModelProto:
    """A score for each pixel, (1, 4, SIDE, SIDE), of the background and the colours."""
    weights = np.zeros((4, 3, 3, 3), np.float32)
    for colour in range(3):
        weights[colour + 1] = -0.5 / 9
        weights[colour + 1, colour] = 1 / 9
    bias = np.array([0.3, 0, 0, 0], np.float32)
    nodes = [helper.make_node("Conv", ["image", "w", "bias"], ["map"], pads=[1, 1, 1, 1])]
    shapes = {"map": (TensorProto.FLOAT, (1, 4, SIDE, SIDE))}
    return _model(nodes, shapes, {"w": weights, "bias": bias})


def detector() -> onnx.ModelProto:
    """Boxes (1, 16, 4), their scores (1, 16) and their classes (1, 16): a box for each cell."""
    corners = np.array([(x, y) for y in range(CELLS) for x in range(CELLS)], np.float32) * CELL
    weights = {
        "means": _means(),
        "shift": np.array(-0.5, np.float32),
        "scale": np.array(12, np.float32),
        "by_class": np.array([1, 3, CELLS * CELLS]),
        "anchors": np.concatenate([corners, corners + CELL], 1)[None] - 0.9,
        "axes": np.array([2]),
    }
    nodes = [
        helper.make_node("Conv", ["image", "means"], ["cells"], strides=[CELL, CELL]),
        helper.make_node("Add", ["cells", "shift"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "scale"], ["logits"]),
        helper.make_node("Reshape", ["logits", "by_class"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Sigmoid", ["turned"], ["all"]),
        helper.make_node("ReduceMax", ["all"], ["confidence"], axes=[2], keepdims=0),
        helper.make_node("ArgMax", ["turned"], ["kind"], axis=2, keepdims=0),
        helper.make_node("ReduceMax", ["all"], ["grow"], axes=[2], keepdims=1),
        helper.make_node("Add", ["anchors", "grow"], ["place"]),
    ]
    shapes = {
        "place": (TensorProto.FLOAT, (1, CELLS**2, 4)),
        "confidence": (TensorProto.FLOAT, (1, CELLS**2)),
        "kind": (TensorProto.INT64, (1, CELLS**2)),
    }
    return _model(nodes, shapes, weights)


def reader() -> onnx.ModelProto:
    """The mean embedding of four tokens (1, 4), scaled by a second input (1, 1): (1, 3)."""
    table = np.random.default_rng(3).normal(0, 1, (TOKENS, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["embedded"]),
        helper.make_node("ReduceMean", ["embedded"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Mul", ["mean", "scale"], ["read"]),
    ]
    graph = helper.make_graph(
        nodes,
        "reader",
        [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, (1, 4)),
            helper.make_tensor_value_info("scale", TensorProto.FLOAT, (1, 1)),
        ],
        [helper.make_tensor_value_info("read", TensorProto.FLOAT, (1, 3))],
        [numpy_helper.from_array(table, "table")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def write_arrays(path: Path, count: int) -> str:
    """An .npz of tokens and scales, labelled with the best class; its name for --data."""
    chance = np.random.default_rng(4)
    tokens = chance.integers(0, TOKENS, (count, 4))
    table = numpy_helper.to_array(reader().graph.initializer[0])
    labels = table[tokens].mean(1).argmax(1)
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = chance.uniform(0.5, 2, (count, 1)).astype(np.float32)
    np.savez(path, tokens=tokens, scale=scale, labels=labels)
    return f"npz:{path}"


def _means() -> np.ndarray:
    """The mean of each colour in each cell, as the weights of a convolution."""
    means = np.zeros((3, 3, CELL, CELL), np.float32)
    for colour in range(3):
        means[colour, colour] = 1 / CELL**2
    return means


def _model(
    nodes: Sequence[onnx.NodeProto],
    outputs: dict[str, tuple[int, tuple[int, ...]]],
    weights: dict[str, np.ndarray],
) -> onnx.ModelProto:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, SIDE, SIDE))
    graph = helper.make_graph(
        list(nodes),
        "made",
        [image],
        [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def scenes(count: int) -> Iterator[tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]]:
    """Pictures (SIDE, SIDE, 3), maps (SIDE, SIDE) with 0 for the background, and (cell, colour)."""
    chance = np.random.default_rng(3)
    for _ in range(count):
        pixels = chance.integers(60, 130, (SIDE, SIDE, 3)).astype(np.uint8)
        classes = np.zeros((SIDE, SIDE), np.uint8)
        things = []
        for cell in chance.choice(CELLS**2, 3, replace=False):
            colour = int(chance.integers(3))
            top, left = cell // CELLS * CELL, cell % CELLS * CELL
            here = np.s_[top : top + CELL, left : left + CELL]
            noise = chance.integers(-30, 26, (CELL, CELL, 3))
            pixels[here] = np.clip(COLOURS[colour] + noise, 0, 255)
            classes[here] = colour + 1
            things.append((int(cell), colour))
        yield pixels, classes, things


def write_coco(folder: Path, count: int) -> str:
    """Pictures and annotations; returns the data set's name."""
    (folder / "pictures").mkdir(parents=True)
    images, annotations = [], []
    for number, (pixels, _, things) in enumerate(scenes(count)):
        Image.fromarray(pixels).save(folder / "pictures" / f"{number:03}.png")
        images.append(
            {"id": number, "file_name": f"{number:03}.png", "width": SIDE, "height": SIDE}
        )
        for cell, colour in things:
            box = [cell % CELLS * CELL, cell // CELLS * CELL, CELL, CELL]
            annotations.append(
                {"id": len(annotations), "image_id": number, "category_id": colour + 1, "bbox": box}
            )
    categories = [{"id": place + 1, "name": name} for place, name in enumerate(NAMES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "boxes.json").write_text(json.dumps(content))
    return f"coco:{folder / 'pictures'},{folder / 'boxes.json'}"


def write_voc(folder: Path, count: int) -> str:
    """Pictures, maps and boxes in VOC's folders; returns the data set's name."""
    for name in ("JPEGImages", "SegmentationClass", "Annotations"):
        (folder / name).mkdir(parents=True)
    for number, (pixels, classes, things) in enumerate(scenes(count)):
        name = f"{number:03}"
        Image.fromarray(pixels).save(folder / "JPEGImages" / f"{name}.jpg", quality=95)
        Image.fromarray(classes).save(folder / "SegmentationClass" / f"{name}.png")
        objects = "".join(
            f"<object><name>{NAMES[colour]}</name><bndbox>"
            f"<xmin>{cell % CELLS * CELL + 1}</xmin><ymin>{cell // CELLS * CELL + 1}</ymin>"
            f"<xmax>{cell % CELLS * CELL + CELL}</xmax><ymax>{cell // CELLS * CELL + CELL}</ymax>"
            "</bndbox></object>"
            for cell, colour in things
        )
        size = f"<size><width>{SIDE}</width><height>{SIDE}</height></size>"
        (folder / "Annotations" / f"{name}.xml").write_text(
            f"<annotation>{size}{objects}</annotation>"
        )
    return f"voc:{folder}"


def write_folders(folder: Path, each: int) -> str:
    """A folder for each colour, of pictures with most of it; returns the data set's name."""
    chance = np.random.default_rng(4)
    for label, name in enumerate(NAMES):
        (folder / f"{label}").mkdir(parents=True)
        for number in range(each):
            pixels = chance.integers(60, 130, (SIDE, SIDE, 3)).astype(np.uint8)
            pixels[: SIDE // 2] = (COLOURS[label] // 2 + pixels[: SIDE // 2] // 2).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{label}" / f"{name}{number:02}.png")
    return f"imagefolder:{folder}"
