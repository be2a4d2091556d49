"""An image as the program's input: the normalisation becomes part of the program.

    (pixel / 255 - mean) / std  =  (pixel * scale + bias) / spread

Core ML takes one scale for all channels and a bias for each, so that the spread of the channels
goes into the weights of the convolutions that read the image: exactly, for a zero of their
padding stays zero. Where the channels have one spread it is in scale and bias; where something
other than a convolution reads the image, a multiplication stands before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgebench.converters.artifact import Preprocessing
from edgebench.converters.coreml.mil import ct
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array

_NORMALISED = "normalised"


@dataclass(frozen=True)
class ImageInput:
    """An input that takes pixels of 0..255: (1, channels, H, W), and how they are normalised."""

    name: str
    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def _spread_of_all(self) -> float | None:
        return self.std[0] if len(set(self.std)) == 1 else None

    def coreml_type(self, key: str) -> Any:
        """The input as coremltools is told of it."""
        spread = self._spread_of_all or 1.0
        bias = [-mean / spread for mean in self.mean]
        grey = self.shape[1] == 1
        layout = ct.colorlayout.GRAYSCALE if grey else ct.colorlayout.RGB
        return ct.ImageType(
            name=key,
            shape=self.shape,
            scale=1 / (255 * spread),
            bias=bias[0] if grey else bias,
            color_layout=layout,
        )

    def as_value(self, key: str) -> str:
        """The program's name of the normalised image, where `key` is that of the image."""
        return key if self._spread_of_all is not None else f"{key}_{_NORMALISED}"

    def with_spread(self, model: onnx.ModelProto, into_weights: bool = True) -> onnx.ModelProto:
        """The model for images that lack only the division by the spread of each channel.

        Not `into_weights`, it is a multiplication: what was trained to be rounded has weights that
        lie on the steps of its file.
        """
        if self._spread_of_all is not None:
            return model
        result = onnx.ModelProto()
        result.CopyFrom(model)
        gain = 1 / np.asarray(self.std, np.float64).reshape(1, -1, 1, 1)
        readers = [node for node in result.graph.node if self.name in node.input]
        weights = {w.name: w for w in result.graph.initializer}
        if into_weights and all(_is_dense(node, self.name, weights) for node in readers):
            for i, node in enumerate(readers):
                weight = numpy_helper.to_array(weights[node.input[1]])
                scaled = (weight * gain).astype(weight.dtype)
                name = f"{node.input[1]}/std/{i}"
                result.graph.initializer.append(numpy_helper.from_array(scaled, name))
                node.input[1] = name
            return result
        _multiply(result, self.name, readers, gain)
        return result

    def pixels(self, normalised: Array) -> Array:
        """What `mean` and `std` made these real numbers of: pixels, not rounded."""
        mean, std = (np.reshape(values, (1, -1, 1, 1)) for values in (self.mean, self.std))
        pixels: Array = ((normalised * std + mean) * 255).astype(np.float32)
        return pixels


def _is_dense(node: onnx.NodeProto, image: str, weights: dict[str, onnx.TensorProto]) -> bool:
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    reads = node.op_type == "Conv" and node.input[0] == image and node.input[1] in weights
    return reads and groups == 1


def _multiply(
    model: onnx.ModelProto, image: str, readers: list[onnx.NodeProto], gain: Array
) -> None:
    factor, product = f"{image}/std", f"{image}/{_NORMALISED}"
    model.graph.initializer.append(numpy_helper.from_array(gain.astype(np.float32), factor))
    for node in readers:
        for i, name in enumerate(node.input):
            if name == image:
                node.input[i] = product
    model.graph.node.insert(0, helper.make_node("Mul", [image, factor], [product], name=product))


def image_input(graph: OnnxGraph, preprocessing: Preprocessing | None) -> ImageInput | None:
    """The graph's one input as an image, where it is one: (1, 3 or 1, H, W), with known mean."""
    if preprocessing is None or len(graph.inputs) != 1:
        return None
    (port,) = graph.inputs
    if len(port.shape) != 4 or port.shape[0] != 1 or port.shape[1] not in (1, 3):
        return None
    if port.dtype != np.float32:
        return None
    channels = port.shape[1]
    mean, std = (
        values * channels if len(values) == 1 else values
        for values in (preprocessing.mean, preprocessing.std)
    )
    if len(mean) != channels or len(std) != channels:
        return None
    return ImageInput(port.name, port.shape, mean, std)
