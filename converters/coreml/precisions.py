"""The precisions of Core ML files: what numbers are computed in, and how weights are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from edgebench.converters.coreml.mil import ct
from edgebench.converters.coreml.palette import palette
from edgebench.errors import UnknownNameError

Keep = Callable[[str], bool]
# The second is None where nothing is to be kept.
Compress = Callable[[Any, Keep | None], Any]

# Smaller weights stay as they are: their scales would cost what their bits save.
SMALLEST_COMPRESSED = 512


def _configured(config: Any, model: Any, keep: Keep | None) -> Any:
    """The configuration of all weights but those of the operations to keep."""
    if keep is None:
        return ct.optimize.coreml.OptimizationConfig(global_config=config)
    weights = ct.optimize.coreml.get_weights_metadata(model, weight_threshold=SMALLEST_COMPRESSED)
    kept = [
        name
        for name, found in weights.items()
        if any(keep(operation.name) for operation in found.child_ops)
    ]
    return ct.optimize.coreml.OptimizationConfig(
        global_config=config, op_name_configs=dict.fromkeys(kept)
    )


def _linear_int8(model: Any, keep: Keep | None) -> Any:
    config = ct.optimize.coreml.OpLinearQuantizerConfig(
        mode="linear_symmetric",
        dtype="int8",
        granularity="per_channel",
        weight_threshold=SMALLEST_COMPRESSED,
    )
    return ct.optimize.coreml.linear_quantize_weights(model, _configured(config, model, keep))


def _palettized(bits: int) -> Compress:
    def compress(model: Any, keep: Keep | None) -> Any:
        config = ct.optimize.coreml.OpPalettizerConfig(
            mode="custom",
            lut_function=partial(palette, bits=bits),
            weight_threshold=SMALLEST_COMPRESSED,
        )
        return ct.optimize.coreml.palettize_weights(model, _configured(config, model, keep))

    return compress


@dataclass(frozen=True)
class Precision:
    """How numbers are kept in a file.

    `half` says that it computes in float16. `least_ios` is the first iOS whose Core ML reads such
    files. `compress` makes the file's weights smaller, but for operations to keep; `activations`
    says that ranges of activations are needed.
    """

    name: str
    description: str
    half: bool
    least_ios: int = 15
    compress: Compress | None = None
    activations: bool = False


_TABLE = (
    Precision("fp32", "float32 weights and activations", half=False),
    Precision("fp16", "float16 weights and activations", half=True),
    Precision("int8w", "int8 weights a channel, computes in float16", True, 16, _linear_int8),
    Precision("w8a8", "int8 weights and activations", True, 17, _linear_int8, activations=True),
    Precision("palettized4", "weights of 16 values, computes in float16", True, 16, _palettized(4)),
    Precision("palettized6", "weights of 64 values, computes in float16", True, 16, _palettized(6)),
)

PRECISIONS: dict[str, Precision] = {precision.name: precision for precision in _TABLE}


def precision_of(name: str) -> Precision:
    """The precision of that name. Raises `UnknownNameError`, which lists the names there are."""
    try:
        return PRECISIONS[name]
    except KeyError:
        raise UnknownNameError("coreml precision", name, PRECISIONS) from None
