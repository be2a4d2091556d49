"""LiteRT's NNAPI delegate, by what it takes on the newest Android (11 and later)."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.lint.graph import LintGraph, Op
from edgebench.converters.lint.rule import Reference, Rule, Spot, Subject
from edgebench.converters.lint.rules.refusal import (
    Condition,
    all_of,
    constant_from,
    no_activation,
    rank_at_most,
    unknown,
    unmet,
    version_at_most,
)
from edgebench.converters.lint.rules.sources import litert

FORMATS = frozenset({"tflite"})
VALIDATE = litert(
    "NNAPI delegate, NNAPIDelegateKernel::Validate", "tflite/delegates/nnapi/nnapi_delegate.cc"
)
MIGRATION = Reference(
    "NNAPI migration guide",
    "developer.android.com/ndk/guides/neuralnetworks/migration-guide",
    "2026-11-21",
)

VERSIONS = {
    **dict.fromkeys(("ABS", "CAST", "COS", "DIV", "ELU", "EXP", "EXPAND_DIMS", "FILL"), 1),
    **dict.fromkeys(("FLOOR", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGICAL_AND"), 1),
    **dict.fromkeys(("LOGICAL_NOT", "LOGICAL_OR", "LOG_SOFTMAX", "POW", "PRELU", "RESHAPE"), 1),
    **dict.fromkeys(("SIN", "SQRT", "SQUEEZE", "SUM", "TILE", "L2_POOL_2D", "DENSIFY"), 1),
    **dict.fromkeys(("LOCAL_RESPONSE_NORMALIZATION", "RNN", "SVDF", "EMBEDDING_LOOKUP"), 1),
    **dict.fromkeys(("ADD", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "BATCH_MATMUL"), 2),
    **dict.fromkeys(("BATCH_TO_SPACE_ND", "CONCATENATION", "DEPTH_TO_SPACE", "EQUAL"), 2),
    **dict.fromkeys(("GATHER", "GREATER", "GREATER_EQUAL", "L2_NORMALIZATION", "LESS"), 2),
    **dict.fromkeys(("LESS_EQUAL", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MIRROR_PAD", "NEG"), 2),
    **dict.fromkeys(("NOT_EQUAL", "PACK", "PAD", "PADV2", "QUANTIZE", "REDUCE_ANY"), 2),
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "RELU", "RELU6"), 2),
    **dict.fromkeys(("RELU_N1_TO_1", "RSQRT", "SELECT", "SLICE", "SOFTMAX"), 2),
    **dict.fromkeys(("SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT_V", "SQUARED_DIFFERENCE"), 2),
    **dict.fromkeys(("STRIDED_SLICE", "TANH", "TOPK_V2", "TRANSPOSE", "UNPACK"), 2),
    **dict.fromkeys(("DEPTHWISE_CONV_2D", "DEQUANTIZE", "LSTM", "MAXIMUM", "MINIMUM", "MUL"), 3),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "SPLIT"), 3),
    **dict.fromkeys(("SUB",), 3),
    **dict.fromkeys(("TRANSPOSE_CONV",), 4),
    **dict.fromkeys(("CONV_2D", "FULLY_CONNECTED"), 5),
}
"""What is taken, each up to this version."""


def _biased(graph: LintGraph, op: Op) -> str | None:
    return None if len([name for name in op.inputs if name]) == 3 else "it has no bias"


CONDITIONS: dict[str, Condition] = {
    **dict.fromkeys(("ADD", "MUL", "SUB", "DIV", "MEAN", "RESHAPE", "SOFTMAX"), rank_at_most(4)),
    "CONCATENATION": all_of(rank_at_most(4), no_activation),
    "CONV_2D": _biased,
    "SPLIT_V": constant_from(1),
    "TRANSPOSE": constant_from(1),
}
EVERY = {
    type_: all_of(version_at_most(version), CONDITIONS.get(type_, lambda graph, op: None))
    for type_, version in VERSIONS.items()
}


def deprecated(subject: Subject) -> Iterator[Spot]:
    yield Spot("the whole file")


RULES = (
    Rule(
        id="nnapi-deprecated",
        severity="info",
        formats=FORMATS,
        delegate="nnapi",
        says="Android has deprecated NNAPI with version 15, and expects most devices to run it on "
        "the CPU",
        remedy="plan for XNNPACK, the GPU delegate, or the chip maker's own delegate",
        source=MIGRATION,
        find=deprecated,
    ),
    Rule(
        id="nnapi-op",
        severity="warning",
        formats=FORMATS,
        delegate="nnapi",
        says="the NNAPI delegate does not take an operation",
        remedy="write it with operations that it takes",
        source=VALIDATE,
        find=unknown(VERSIONS),
    ),
    Rule(
        id="nnapi-condition",
        severity="warning",
        formats=FORMATS,
        delegate="nnapi",
        says="the NNAPI delegate takes the operation, but not as it is written here",
        remedy="write it as the delegate takes it",
        source=VALIDATE,
        find=unmet(EVERY),
    ),
)
