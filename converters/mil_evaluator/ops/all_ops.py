"""The whole table: importing this registers every family."""

from edgebench.converters.mil_evaluator.operation import OPS
from edgebench.converters.mil_evaluator.ops import (
    activation,
    compression,
    convolution,
    creation,
    elementwise,
    indexing,
    linear,
    normalisation,
    pooling,
    reduction,
    resize,
    shape,
)

FAMILIES = (
    activation,
    compression,
    convolution,
    creation,
    elementwise,
    indexing,
    linear,
    normalisation,
    pooling,
    reduction,
    resize,
    shape,
)

__all__ = ["FAMILIES", "OPS"]
