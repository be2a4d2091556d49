"""XNNPACK, LiteRT's delegate for the CPU."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.lint.rule import Reference, Rule, Spot, Subject, at
from edgebench.converters.lint.rules.quantised import computes_in_int8
from edgebench.converters.lint.rules.sources import litert

FORMATS = frozenset({"tflite"})
README = litert("XNNPACK delegate, quantized operators", "tflite/delegates/xnnpack/README.md")
ASKED = Reference(
    "LiteRT itself, asked on this machine how it divides the file",
    "ai-edge-litert, as installed; XNNPACK on another processor divides alike",
    "2026-11-21",
)

QUANTISED = frozenset(
    {
        *("ADD", "CONCATENATION", "CONV_2D", "DEPTH_TO_SPACE", "DEPTHWISE_CONV_2D", "DEQUANTIZE"),
        *("ELU", "FULLY_CONNECTED", "LEAKY_RELU", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL", "PAD"),
        *("QUANTIZE", "RESHAPE", "RESIZE_BILINEAR", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "SUB"),
        *("TANH", "TRANSPOSE", "TRANSPOSE_CONV"),
    }
)


def partitions(subject: Subject) -> Iterator[Spot]:
    """More pieces than one, or than the baseline has."""
    pieces = subject.graph.partitions
    beside = subject.baseline.partitions if subject.baseline is not None else None
    if pieces is not None and pieces > max(1, beside or 1):
        baseline = "" if beside is None else f", the baseline's in {beside}"
        yield Spot("the whole file", f"runs in {pieces} partitions{baseline}")


def outside(subject: Subject) -> Iterator[Spot]:
    for type_, count in (subject.graph.outside or {}).items():
        yield Spot(f"{count} {type_}", "left to the built-in kernels")


def unknown_in_int8(subject: Subject) -> Iterator[Spot]:
    """Quantised operations that the delegate's list does not have."""
    graph = subject.graph
    if not computes_in_int8(graph):
        return
    for op in graph.ops:
        quantised = any(tensor.dtype in ("int8", "uint8") for tensor in graph.read(op))
        if quantised and op.type not in QUANTISED:
            yield at(op)


def refused(subject: Subject) -> Iterator[Spot]:
    if subject.graph.refused is not None:
        yield Spot("the whole file", subject.graph.refused)


RULES = (
    Rule(
        id="refused",
        severity="error",
        formats=FORMATS,
        delegate=None,
        says="LiteRT does not load the file",
        remedy="see what else is found here, and export it again",
        source=ASKED,
        find=refused,
    ),
    Rule(
        id="xnnpack-partitions",
        severity="warning",
        formats=FORMATS,
        delegate="xnnpack",
        says="XNNPACK takes the file in several pieces, and tensors are handed over at each border",
        remedy="replace the operations that it leaves out: they are what cuts the file",
        source=ASKED,
        find=partitions,
    ),
    Rule(
        id="xnnpack-outside",
        severity="warning",
        formats=FORMATS,
        delegate="xnnpack",
        says="XNNPACK leaves operations to the built-in kernels, which are slower",
        remedy="write SPLIT_V as slices, and an int8 hard-swish as ADD with a fused ReLU6 and MUL, "
        "as edgebench's own exports do",
        source=ASKED,
        find=outside,
    ),
    Rule(
        id="xnnpack-int8",
        severity="warning",
        formats=FORMATS,
        delegate="xnnpack",
        says="an int8 operation is not among those that XNNPACK takes",
        remedy="write it with operations from the list, or leave its branch in float",
        source=README,
        find=unknown_in_int8,
    ),
)
