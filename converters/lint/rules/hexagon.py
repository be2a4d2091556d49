"""LiteRT's delegate for Qualcomm's Hexagon DSP."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.lint.graph import LintGraph, Op
from edgebench.converters.lint.rule import Rule, Spot, Subject, at
from edgebench.converters.lint.rules.quantised import computes_in_int8
from edgebench.converters.lint.rules.refusal import (
    Condition,
    all_of,
    constant_from,
    dilations,
    no_activation,
    rank_at_most,
    relu_at_most,
    stride_at_most,
    unknown,
    unmet,
    version_at_most,
)
from edgebench.converters.lint.rules.sources import litert

FORMATS = frozenset({"tflite"})
SUPPORT = litert("Hexagon delegate, IsNodeSupportedByHexagon", "tflite/delegates/hexagon/utils.cc")

VERSIONS = {
    **dict.fromkeys(("ADD", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "CONCATENATION"), 2),
    **dict.fromkeys(("L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN"), 2),
    **dict.fromkeys(("MINIMUM", "MIRROR_PAD", "MUL", "PACK", "PAD", "QUANTIZE", "RELU6"), 2),
    **dict.fromkeys(("SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SPLIT"), 2),
    **dict.fromkeys(("STRIDED_SLICE", "SUB", "TANH", "TRANSPOSE"), 2),
    **dict.fromkeys(("SQUARED_DIFFERENCE", "RELU", "RSQRT"), 2),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "RESIZE_BILINEAR"), 3),
    **dict.fromkeys(("RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE_CONV"), 3),
    **dict.fromkeys(("HARD_SWISH", "NEG", "RESHAPE"), 1),
    "FULLY_CONNECTED": 4,
}
"""What is taken, each up to this version."""


def _one_scale(graph: LintGraph, op: Op) -> str | None:
    quantised = graph.tensors[op.inputs[1]].quantised
    per_channel = quantised is not None and not quantised.per_tensor
    return "its weights have a scale a channel" if per_channel else None


def _undilated(graph: LintGraph, op: Op) -> str | None:
    return None if dilations(op) == (1, 1) else "it is dilated"


def _depthwise(graph: LintGraph, op: Op) -> str | None:
    shape = graph.tensors[op.inputs[1]].shape
    if shape and len(shape) > 1 and shape[1] is not None and shape[1] < 2:
        return "a kernel of height 1"
    if dilations(op) != (1, 1) and stride_at_most(1)(graph, op):
        return "it is dilated and strided"
    return None


CONDITIONS: dict[str, Condition] = {
    "ADD": relu_at_most,
    "MUL": relu_at_most,
    "SUB": relu_at_most,
    "AVERAGE_POOL_2D": no_activation,
    "MAX_POOL_2D": no_activation,
    "L2_NORMALIZATION": no_activation,
    "MEAN": constant_from(1),
    "PAD": constant_from(1),
    "SLICE": constant_from(1),
    "CONV_2D": all_of(relu_at_most, stride_at_most(3), _undilated),
    "DEPTHWISE_CONV_2D": all_of(relu_at_most, stride_at_most(3), _depthwise),
    "FULLY_CONNECTED": all_of(relu_at_most, _one_scale),
}
EVERY = {
    type_: all_of(
        rank_at_most(4), version_at_most(version), CONDITIONS.get(type_, lambda graph, op: None)
    )
    for type_, version in VERSIONS.items()
}


def floats(subject: Subject) -> Iterator[Spot]:
    if not computes_in_int8(subject.graph):
        yield Spot("the whole file")


def unknown_in_int8(subject: Subject) -> Iterator[Spot]:
    if computes_in_int8(subject.graph):
        yield from unknown(VERSIONS)(subject)


def unmet_in_int8(subject: Subject) -> Iterator[Spot]:
    if not computes_in_int8(subject.graph):
        return
    yield from unmet(EVERY)(subject)
    for op in subject.graph.ops:
        if any(tensor.floating for tensor in subject.graph.read(op)):
            yield at(op, "it reads float values")


RULES = (
    Rule(
        id="hexagon-float",
        severity="warning",
        formats=FORMATS,
        delegate="hexagon",
        says="the Hexagon delegate takes int8 files only; nothing of a float file runs there",
        remedy="give it the int8 file",
        source=SUPPORT,
        find=floats,
    ),
    Rule(
        id="hexagon-op",
        severity="warning",
        formats=FORMATS,
        delegate="hexagon",
        says="the Hexagon delegate does not take an operation",
        remedy="write it with operations that it takes",
        source=SUPPORT,
        find=unknown_in_int8,
    ),
    Rule(
        id="hexagon-condition",
        severity="warning",
        formats=FORMATS,
        delegate="hexagon",
        says="the Hexagon delegate takes the operation, but not as it is written here",
        remedy="write it as the delegate takes it",
        source=SUPPORT,
        find=unmet_in_int8,
    ),
)
