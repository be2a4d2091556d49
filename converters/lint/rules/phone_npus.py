"""The NPUs of MediaTek and Samsung, by the lists in LiteRT's plugins for their compilers.

Qualcomm's compiler runs on Linux, so it is asked instead of read: `edgebench estimate --soc`.
Google's plugin hands everything to a compiler that is not public.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.lint.rule import Rule, Spot, Subject, at
from edgebench.converters.lint.rules.refusal import unknown
from edgebench.converters.lint.rules.sources import litert

FORMATS = frozenset({"tflite"})

MEDIATEK_SOURCE = litert(
    "LiteRT's plugin for MediaTek, the operations it supports",
    "litert/vendors/mediatek/compiler/compiler_plugin.cc",
)
MEDIATEK_TYPES = litert(
    "LiteRT to MediaTek Neuron Compiler Support, data types",
    "litert/vendors/mediatek/compiler/MediaTek_Neuro_Compiler.md",
)
SAMSUNG_SOURCE = litert(
    "LiteRT's plugin for Samsung, the operations it supports",
    "litert/vendors/samsung/compiler/compiler_plugin.cc",
)

BOTH = frozenset(
    {
        *("ABS", "ADD", "AVERAGE_POOL_2D", "BATCH_MATMUL", "CAST", "CONCATENATION", "CONV_2D"),
        *("DEPTHWISE_CONV_2D", "DEQUANTIZE", "DIV", "FULLY_CONNECTED", "GELU", "GREATER"),
        *("HARD_SWISH", "L2_NORMALIZATION", "LEAKY_RELU", "LESS", "LOGISTIC", "MAXIMUM"),
        *("MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PAD", "PADV2", "QUANTIZE", "REDUCE_MAX"),
        *("RELU", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE"),
        *("SOFTMAX", "SPLIT", "SQRT", "SQUARED_DIFFERENCE", "STRIDED_SLICE", "SUB", "SUM"),
        *("TANH", "TRANSPOSE", "TRANSPOSE_CONV"),
    }
)

MEDIATEK = BOTH | {"PRELU"}

SAMSUNG = BOTH | {
    *("ARG_MAX", "BROADCAST_TO", "CEIL", "CONV_3D", "COS", "CUMSUM", "EMBEDDING_LOOKUP"),
    *("EQUAL", "EXP", "FLOOR", "FLOOR_DIV", "GATHER", "GATHER_ND", "GREATER_EQUAL", "LOG"),
    *("LOGICAL_AND", "MIRROR_PAD", "NOT_EQUAL", "POW", "REDUCE_MIN", "RELU6", "RELU_0_TO_1"),
    *("RELU_N1_TO_1", "REVERSE_V2", "SELECT", "SELECT_V2", "SIN", "SPACE_TO_DEPTH"),
}

REMEDY = (
    "write it with operations that the plugin supports; of a split into several sizes, write a "
    "slice for each"
)


def computed_int64(subject: Subject) -> Iterator[Spot]:
    """The operations that read or write 64-bit integers which are not constants."""
    graph = subject.graph
    for op in graph.ops:
        for tensor in (*graph.read(op), *graph.written(op)):
            if tensor.dtype == "int64" and not tensor.constant:
                yield at(op, "64-bit integers that are computed")
                break


RULES = (
    Rule(
        id="mediatek-op",
        severity="warning",
        formats=FORMATS,
        delegate="mediatek",
        says="LiteRT's plugin for MediaTek's NPUs does not support an operation; it stays on the "
        "CPU and parts the graph",
        remedy=REMEDY,
        source=MEDIATEK_SOURCE,
        find=unknown(MEDIATEK),
    ),
    Rule(
        id="mediatek-int64",
        severity="warning",
        formats=FORMATS,
        delegate="mediatek",
        says="LiteRT's plugin for MediaTek's NPUs takes 64-bit integers as constants only",
        remedy="compute in 32 bits",
        source=MEDIATEK_TYPES,
        find=computed_int64,
    ),
    Rule(
        id="samsung-op",
        severity="warning",
        formats=FORMATS,
        delegate="samsung",
        says="LiteRT's plugin for Samsung's NPUs does not support an operation; it stays on the "
        "CPU and parts the graph",
        remedy=REMEDY,
        source=SAMSUNG_SOURCE,
        find=unknown(SAMSUNG),
    ),
)
