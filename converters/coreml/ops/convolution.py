"""Conv and ConvTranspose, with what padding they have inside the op."""

from __future__ import annotations

from typing import Any

from edgebench.converters.coreml.mil import mb
from edgebench.converters.coreml.node import CannotLower, Node, lowers
from edgebench.converters.coreml.value import Value
from edgebench.converters.lowering.window import Window


def padding(before: tuple[int, ...], after: tuple[int, ...]) -> dict[str, Any]:
    """MIL's arguments for zeros before and after each spatial axis."""
    if not any(before) and not any(after):
        return {"pad_type": "valid"}
    pairs = [n for pair in zip(before, after, strict=True) for n in pair]
    return {"pad_type": "custom", "pad": pairs}


def _spatial(node: Node) -> int:
    rank = node.value(0).rank
    if not 3 <= rank <= 5:
        raise CannotLower(f"its input has rank {rank}; Core ML convolves ranks 3 to 5")
    return rank - 2


@lowers("Conv")
def conv(node: Node) -> Value:
    x, w = node.value(0), node.value(1)
    _spatial(node)
    window = Window.of(node, x.shape[2:], w.shape[2:])
    if not w.is_constant and set(window.dilations) != {1}:
        raise CannotLower("its weight is computed at run time and it is dilated")
    bias = node.value(2) if node.has(2) else None
    y = mb.conv(
        x=x.mil,
        weight=w.mil,
        bias=bias.mil if bias is not None and bias.is_constant else None,
        strides=list(window.strides),
        dilations=list(window.dilations),
        groups=node.attribute("group", 1),
        **padding(window.before, window.after),
    )
    return Value(_with_computed_bias(y, bias))


def _with_computed_bias(y: Any, bias: Value | None) -> Any:
    if bias is None or bias.is_constant:
        return y
    shape = [1, bias.shape[0], *[1] * (len(y.shape) - 2)]
    return mb.add(x=y, y=mb.reshape(x=bias.data, shape=shape))


@lowers("ConvTranspose")
def conv_transpose(node: Node) -> Value:
    """A full transposed convolution, cut to the output that ONNX asks for.

    The full one is stride * (in - 1) + extent long; what output_padding adds beyond it holds the
    bias alone (the ONNX operator documentation of ConvTranspose).
    """
    x, weight = node.value(0), node.constant(1, "weight")
    spatial = _spatial(node)
    strides = list(node.attribute("strides", [1] * spatial))
    dilations = list(node.attribute("dilations", [1] * spatial))
    full = [
        s * (n - 1) + (k - 1) * d + 1
        for s, n, k, d in zip(strides, x.shape[2:], weight.shape[2:], dilations, strict=True)
    ]
    before, output = _placed(node, x, full)
    after = [f - b - o for f, b, o in zip(full, before, output, strict=True)]
    bias = node.value(2) if node.has(2) else None
    inside = all(n >= 0 for n in after)
    y = mb.conv_transpose(
        x=x.mil,
        weight=weight.astype(x.dtype),
        bias=bias.mil if inside and bias is not None and bias.is_constant else None,
        strides=strides,
        dilations=dilations,
        groups=node.attribute("group", 1),
        **padding(tuple(before), tuple(max(n, 0) for n in after)),
    )
    if inside:
        return Value(_with_computed_bias(y, bias))
    missing = [0] * 4 + [n for a in after for n in (0, max(-a, 0))]
    y = mb.pad(x=y, pad=missing, mode="constant", constant_val=x.number(0))
    if bias is None:
        return Value(y)
    if bias.is_constant:
        return Value(mb.add(x=y, y=bias.mil.reshape(1, -1, *[1] * spatial)))
    return Value(_with_computed_bias(y, bias))


def _placed(node: Node, x: Value, full: list[int]) -> tuple[list[int], list[int]]:
    """Where the output begins within the full one, and its extents."""
    spatial = len(full)
    extra = list(node.attribute("output_padding", [0] * spatial))
    auto_pad = node.attribute("auto_pad", "NOTSET")
    wanted = node.attribute("output_shape")
    if wanted is None and not auto_pad.startswith("SAME"):
        none = [0] * 2 * spatial
        pads = none if auto_pad == "VALID" else list(node.attribute("pads", none))
        before, after = pads[:spatial], pads[spatial:]
        output = [f + e - b - a for f, e, b, a in zip(full, extra, before, after, strict=True)]
        return before, output
    if wanted is None:
        strides = node.attribute("strides", [1] * spatial)
        wanted = [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
    output = list(wanted)[-spatial:]
    total = [f + e - o for f, e, o in zip(full, extra, output, strict=True)]
    # The odd element goes to the end for SAME_UPPER, to the beginning otherwise.
    before = [t // 2 if auto_pad == "SAME_UPPER" else t - t // 2 for t in total]
    if min(before) < 0:
        raise CannotLower(f"its output_shape {output} is larger than the full output {full}")
    return before, output
