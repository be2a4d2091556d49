"""LiteRT's GPU delegate (OpenCL, OpenGL, Metal)."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.lint.graph import LintGraph, Op
from edgebench.converters.lint.rule import Rule, Spot, Subject, at
from edgebench.converters.lint.rules.quantised import computes_in_int8
from edgebench.converters.lint.rules.refusal import (
    Condition,
    all_of,
    constant_from,
    unknown,
    unmet,
)
from edgebench.converters.lint.rules.sources import litert

FORMATS = frozenset({"tflite"})
COMPATIBILITY = litert(
    "GPU delegate, CheckGpuDelegateCompatibility", "tflite/tools/versioning/gpu_compatibility.cc"
)
README = litert("TFLite on GPU, tips and tricks", "tflite/delegates/gpu/README.md")
QUANTISED = litert("GPU delegate, using quantized models", "tflite/g3doc/performance/gpu.md")

TAKEN = frozenset(
    {
        *("ABS", "ADD", "ADD_N", "ATAN2", "AVERAGE_POOL_2D", "BATCH_MATMUL", "BITCAST", "CAST"),
        *("CEIL", "CONCATENATION", "CONV_2D", "COS", "CUMSUM", "DENSIFY", "DEPTHWISE_CONV_2D"),
        *("DEPTH_TO_SPACE", "DEQUANTIZE", "DIV", "DYNAMIC_UPDATE_SLICE", "ELU", "EQUAL", "EXP"),
        *("EMBEDDING_LOOKUP", "FLOOR", "FLOOR_DIV", "FLOOR_MOD", "FULLY_CONNECTED", "GATHER"),
        *("GELU", "GREATER", "GREATER_EQUAL", "HARD_SWISH", "LEAKY_RELU", "LESS", "LESS_EQUAL"),
        *("LOG", "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "LOGISTIC", "LSTM", "MAXIMUM"),
        *("MAX_POOL_2D", "MEAN", "MINIMUM", "MIRROR_PAD", "MUL", "NEG", "NOT_EQUAL", "ONE_HOT"),
        *("PACK", "PAD", "PADV2", "POW", "PRELU", "QUANTIZE", "REDUCE_ALL", "REDUCE_ANY"),
        *("REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE"),
        *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "RIGHT_SHIFT", "ROUND"),
        *("RSQRT", "SELECT", "SELECT_V2", "SIGN", "SIN", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH"),
        *("SPLIT", "SPLIT_V", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "STRIDED_SLICE", "SUB"),
        *("SUM", "TANH", "TILE", "TOPK_V2", "TRANSPOSE", "TRANSPOSE_CONV"),
        *("STABLEHLO_BROADCAST_IN_DIM", "STABLEHLO_CBRT", "STABLEHLO_CLAMP"),
        *("STABLEHLO_REMAINDER", "STABLEHLO_SHIFT_LEFT"),
        *("Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Resampler"),
    }
)


def _three_or_four(graph: LintGraph, op: Op) -> str | None:
    rank = graph.tensors[op.inputs[0]].rank
    return None if rank in (3, 4) else f"a tensor of {rank} dimensions, where 3 or 4 are taken"


def _plain_masks(graph: LintGraph, op: Op) -> str | None:
    masks = ("ellipsisMask", "newAxisMask", "shrinkAxisMask")
    used = [name for name in masks if op.attributes.get(name)]
    return f"it uses {', '.join(used)}" if used else None


def _paddings(graph: LintGraph, op: Op) -> str | None:
    shape = graph.tensors[op.inputs[1]].shape
    return None if shape in ((3, 2), (4, 2)) else "paddings other than 3x2 or 4x2"


def _not_int16(graph: LintGraph, op: Op) -> str | None:
    return "from int16" if graph.tensors[op.inputs[0]].dtype == "int16" else None


def _two_inputs(graph: LintGraph, op: Op) -> str | None:
    return None if len(op.inputs) == 2 else f"it has {len(op.inputs)} inputs"


CONDITIONS: dict[str, Condition] = {
    "ADD_N": _two_inputs,
    "DEQUANTIZE": _not_int16,
    "PAD": _paddings,
    "PADV2": _paddings,
    "SLICE": _three_or_four,
    "STRIDED_SLICE": all_of(_three_or_four, _plain_masks),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), constant_from(1)),
}


def reshapes(subject: Subject) -> Iterator[Spot]:
    """Reshapes of feature maps, where there are more than in the baseline."""
    found = [op for op in subject.graph.of_kind("reshape") if _of_map(subject.graph, op)]
    other = subject.baseline
    there = sum(_of_map(other, op) for op in other.of_kind("reshape")) if other else 0
    if len(found) > there:
        beside = f"the baseline has {there}" if subject.baseline else ""
        yield from (at(op, beside) for op in found)


def _of_map(graph: LintGraph, op: Op) -> bool:
    return graph.tensors[op.inputs[0]].rank == 4


def thin_channels(subject: Subject) -> Iterator[Spot]:
    """Convolutions to a number of channels that is not a multiple of four."""
    graph = subject.graph
    for op in graph.of_kind("conv", "depthwise_conv"):
        shape = graph.written(op)[0].shape
        channels = shape[-1] if shape else None
        if channels is not None and channels % 4 and channels > 4:
            yield at(op, f"{channels} channels cost as many as {channels + -channels % 4}")


def int8_in_float(subject: Subject) -> Iterator[Spot]:
    if computes_in_int8(subject.graph):
        yield Spot("the whole file")


RULES = (
    Rule(
        id="gpu-op",
        severity="warning",
        formats=FORMATS,
        delegate="gpu",
        says="the GPU delegate does not take an operation; by default it runs one piece of the "
        "file, and the CPU the rest",
        remedy="write it with operations that it takes",
        source=COMPATIBILITY,
        find=unknown(TAKEN),
    ),
    Rule(
        id="gpu-condition",
        severity="warning",
        formats=FORMATS,
        delegate="gpu",
        says="the GPU delegate takes the operation, but not as it is written here",
        remedy="write it as the delegate takes it",
        source=COMPATIBILITY,
        find=unmet(CONDITIONS),
    ),
    Rule(
        id="gpu-int8",
        severity="info",
        formats=FORMATS,
        delegate="gpu",
        says="the GPU delegate computes an int8 file in float, with a step after each operation "
        "that imitates the rounding",
        remedy="give the GPU the fp16 file and measure both",
        source=QUANTISED,
        find=int8_in_float,
    ),
    Rule(
        id="gpu-reshape",
        severity="info",
        formats=FORMATS,
        delegate="gpu",
        says="reshapes of feature maps, trivial on a CPU, may be costly on a GPU",
        remedy="keep four dimensions in one order throughout, where the model allows it",
        source=README,
        find=reshapes,
    ),
    Rule(
        id="gpu-channels",
        severity="info",
        formats=FORMATS,
        delegate="gpu",
        says="the GPU works on slices of four channels, and the last is partly empty",
        remedy="choose a reduction that leaves a multiple of four channels",
        source=README,
        find=thin_channels,
    ),
)
