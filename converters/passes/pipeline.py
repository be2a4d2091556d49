"""Which passes run before the lowering, in sequence, and why."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from edgebench.converters.passes.fold_gelu import fold_gelu
from edgebench.converters.passes.join_hard_swish import join_hard_swish
from edgebench.converters.passes.spread_hard_swish import spread_hard_swish

Pass = Callable[[onnx.ModelProto], onnx.ModelProto]

FLOAT: tuple[Pass, ...] = (
    # Exporters before opset 20 write GELU as five ops around an Erf, which TFLite lacks.
    fold_gelu,
)

QUANTISED: tuple[Pass, ...] = (
    *FLOAT,
    # What the next pass looks for.
    join_hard_swish,
    # XNNPACK takes no int8 HARD_SWISH: each one would cut the delegate's partition in two.
    spread_hard_swish,
)


def run(model: onnx.ModelProto, passes: tuple[Pass, ...]) -> onnx.ModelProto:
    """Apply the passes to a copy; the model given stays as it is."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for each in passes:
        result = each(result)
    return result
