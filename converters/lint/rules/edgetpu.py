"""Google's Edge TPU (Coral), by its compiler's published table."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.lint.graph import LintGraph, Op
from edgebench.converters.lint.rule import Rule, Spot, Subject, at
from edgebench.converters.lint.rules.quantised import computes_in_int8
from edgebench.converters.lint.rules.refusal import (
    Condition,
    axes,
    constant_from,
    dilations,
    no_activation,
    unknown,
    unmet,
)
from edgebench.converters.lint.rules.sources import EDGE_TPU

FORMATS = frozenset({"tflite"})

TAKEN = frozenset(
    {
        *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D"),
        *("EXPAND_DIMS", "FULLY_CONNECTED", "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM"),
        *("MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD", "PRELU", "QUANTIZE"),
        *("REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE"),
        *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX"),
        *("SPACE_TO_DEPTH", "SPLIT", "SQUARED_DIFFERENCE", "SQUEEZE", "STRIDED_SLICE", "SUB"),
        *("SUM", "TANH", "TRANSPOSE", "TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
    }
)


def _even_dilation(graph: LintGraph, op: Op) -> str | None:
    height, width = dilations(op)
    return None if height == width else f"dilated by {height} and {width}"


def _channels_by_four(graph: LintGraph, op: Op) -> str | None:
    found, shape = axes(graph, op), graph.tensors[op.inputs[0]].shape
    if found is None or shape is None:
        return "its axes are computed"
    if 0 in found and len(shape) == 4:
        return "over the batch"
    depth = shape[-1]
    if len(shape) == 4 and 3 in found and depth is not None and depth % 4:
        return f"over {depth} channels, no multiple of four"
    return None


def _small_softmax(graph: LintGraph, op: Op) -> str | None:
    shape = graph.tensors[op.inputs[0]].shape
    size = max((n for n in shape or () if n is not None), default=0)
    return f"over {size} elements, where 16,000 are taken" if size > 16_000 else None


CONDITIONS: dict[str, Condition] = {
    "AVERAGE_POOL_2D": no_activation,
    "MAX_POOL_2D": no_activation,
    "CONCATENATION": no_activation,
    "CONV_2D": _even_dilation,
    "DEPTHWISE_CONV_2D": _even_dilation,
    "FULLY_CONNECTED": constant_from(1),
    "MEAN": _channels_by_four,
    "SOFTMAX": _small_softmax,
}


def floats(subject: Subject) -> Iterator[Spot]:
    if not computes_in_int8(subject.graph):
        yield Spot("the whole file")


def unknown_in_int8(subject: Subject) -> Iterator[Spot]:
    if computes_in_int8(subject.graph):
        yield from unknown(TAKEN)(subject)


def unmet_in_int8(subject: Subject) -> Iterator[Spot]:
    graph = subject.graph
    if not computes_in_int8(graph):
        return
    yield from unmet(CONDITIONS)(subject)
    for op in graph.ops:
        if op.kind != "quantise" and any(tensor.floating for tensor in graph.read(op)):
            yield at(op, "it reads float values")


RULES = (
    Rule(
        id="edgetpu-float",
        severity="warning",
        formats=FORMATS,
        delegate="edgetpu",
        says="the Edge TPU computes in int8 only; its compiler refuses a float file",
        remedy="give it the int8 file",
        source=EDGE_TPU,
        find=floats,
    ),
    Rule(
        id="edgetpu-op",
        severity="warning",
        formats=FORMATS,
        delegate="edgetpu",
        says="the Edge TPU does not take an operation; its compiler leaves that and all after it "
        "to the CPU",
        remedy="write it with operations that it takes",
        source=EDGE_TPU,
        find=unknown_in_int8,
    ),
    Rule(
        id="edgetpu-condition",
        severity="warning",
        formats=FORMATS,
        delegate="edgetpu",
        says="the Edge TPU takes the operation, but not as it is written here",
        remedy="write it as the table says",
        source=EDGE_TPU,
        find=unmet_in_int8,
    ),
)
