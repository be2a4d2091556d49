"""The whole table: importing this registers every family."""

from edgebench.converters.tflite.node import OPS
from edgebench.converters.tflite.ops import (
    activation,
    arithmetic,
    constants,
    convolution,
    indexing,
    linear,
    normalisation,
    pooling,
    reduction,
    resize,
    shape,
    slicing,
)

FAMILIES = (
    activation,
    arithmetic,
    constants,
    convolution,
    indexing,
    linear,
    normalisation,
    pooling,
    reduction,
    resize,
    shape,
    slicing,
)

__all__ = ["FAMILIES", "OPS"]
