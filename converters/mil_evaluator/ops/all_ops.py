"""The whole table: importing this registers every family."""

from edgebench.converters.mil_evaluator.operation import OPS
from edgebench.converters.mil_evaluator.ops import (
    activation,
    blocks,
    compression,
    control,
    convolution,
    creation,
    elementwise,
    indexing,
    linear,
    normalisation,
    pooling,
    recurrent,
    reduction,
    resize,
    shape,
    state,
)

FAMILIES = (
    activation,
    blocks,
    compression,
    control,
    convolution,
    creation,
    elementwise,
    indexing,
    linear,
    normalisation,
    pooling,
    recurrent,
    reduction,
    resize,
    shape,
    state,
)

__all__ = ["FAMILIES", "OPS"]
