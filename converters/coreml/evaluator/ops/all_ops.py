"""The whole table: importing this registers every family."""

from edgebench.converters.coreml.evaluator.operation import OPS
from edgebench.converters.coreml.evaluator.ops import (
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
