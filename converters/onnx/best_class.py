"""The class of each pixel in the place of a segmenter's scores: a byte a pixel.

logits (1, C, H, W) -> ArgMax -> Cast -> map (1, H, W)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper

from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample

MAP = "map"

Run = Callable[[Sequence[Sample]], list[list[Array]]]


def words(classes: int) -> Mapping[str, str]:
    """How the task reads the map of a model of so many classes."""
    return {MAP: MAP, "classes": str(classes)}


def chosen(graph: OnnxGraph) -> OnnxGraph:
    """A segmenter's graph with the map as its only output. It has at most 256 classes."""
    (scores,) = graph.outputs
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    _, _, height, width = scores.shape
    best, shape = f"{scores.name}.best", (1, height, width)
    model.graph.node.extend(
        [
            helper.make_node("ArgMax", [scores.name], [best], f"{MAP}.best", axis=1, keepdims=0),
            helper.make_node("Cast", [best], [MAP], f"{MAP}.bytes", to=TensorProto.UINT8),
        ]
    )
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(MAP, TensorProto.UINT8, shape))
    inner = {scores.name: (TensorProto.FLOAT, scores.shape), best: (TensorProto.INT64, shape)}
    model.graph.value_info.extend(
        helper.make_tensor_value_info(name, *kind) for name, kind in inner.items()
    )
    return replace(graph, model=model)


def of_pixels(run: Run) -> Run:
    """The same for what runs the network itself."""

    def mapped(samples: Sequence[Sample]) -> list[list[Array]]:
        return [[logits.argmax(1).astype(np.uint8)] for (logits,) in run(samples)]

    return mapped
