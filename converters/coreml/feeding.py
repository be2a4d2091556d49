"""A sample of the ONNX graph's inputs as its Core ML file takes it."""

from __future__ import annotations

import numpy as np

from edgebench.converters.coreml.image import ImageInput
from edgebench.converters.coreml.lower import value_names
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample


def feed(graph: OnnxGraph, image: ImageInput | None, sample: Sample) -> dict[str, Array]:
    """Arrays by the file's names: pixels for an image, a vector of one element for a scalar."""
    names = value_names(graph.model)
    fed: dict[str, Array] = {}
    for port in graph.inputs:
        array = np.asarray(sample[port.name])
        if image is not None and port.name == image.name:
            array = image.pixels(array)
        fed[names[port.name]] = array.reshape(port.shape or (1,))
    return fed
