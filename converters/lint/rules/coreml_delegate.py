"""LiteRT's Core ML delegate, which runs .tflite files on Apple's hardware."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.lint.graph import LintGraph, LintTensor, Op
from edgebench.converters.lint.rule import Rule, Spot, Subject, at
from edgebench.converters.lint.rules.quantised import computes_in_int8
from edgebench.converters.lint.rules.refusal import (
    Condition,
    axes,
    constant_from,
    no_activation,
    unknown,
    unmet,
    version_at_most,
)
from edgebench.converters.lint.rules.sources import litert

FORMATS = frozenset({"tflite"})
DELEGATE = litert(
    "Core ML delegate, IsNodeSupportedByDelegate", "tflite/delegates/coreml/coreml_delegate.mm"
)
BUILDERS = litert("Core ML delegate, op builders", "tflite/delegates/coreml/builders")

TAKEN = frozenset(
    {
        *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D"),
        *("FULLY_CONNECTED", "HARD_SWISH", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MIRROR_PAD", "MUL"),
        *("PAD", "PADV2", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR"),
        *("SOFTMAX", "TANH", "TRANSPOSE_CONV"),
    }
)
VERSIONS = {"DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 6}
"""The newest version that is taken; of all others it is the first."""


def _broadcasts(graph: LintGraph, op: Op) -> str | None:
    first, second = (_four(graph.tensors[name]) for name in op.inputs[:2])
    if first is None or second is None:
        return "operands of more than four dimensions, or not fixed"
    maps = (first[1:3], second[1:3])
    alike = maps[0] == maps[1] or (1, 1) in maps
    channels = first[3] == second[3] or 1 in (first[3], second[3])
    if alike and channels:
        return None
    return " with ".join("x".join(map(str, shape)) for shape in (first, second))


def _four(tensor: LintTensor) -> tuple[int, ...] | None:
    """The shape with ones in front of it until it has four dimensions."""
    sizes = [n for n in tensor.shape or () if n is not None]
    if len(sizes) > 4 or not tensor.fixed:
        return None
    return (1,) * (4 - len(sizes)) + tuple(sizes)


def _along_channels(graph: LintGraph, op: Op) -> str | None:
    rank, axis = graph.tensors[op.inputs[0]].rank, op.attributes.get("axis")
    if isinstance(axis, int) and rank in (3, 4) and axis in (-1, rank - 1):
        return None
    return f"along axis {axis} of {rank}, where only channels are taken"


def _over_the_map(graph: LintGraph, op: Op) -> str | None:
    """The delegate makes a pooling over height and width of it."""
    found = axes(graph, op)
    if not op.attributes.get("keepDims"):
        return "it drops the axes that it reduces"
    if graph.tensors[op.inputs[0]].rank != 4 or found is None or not found <= {1, 2}:
        return "not over height and width of four dimensions"
    return None


def _never(graph: LintGraph, op: Op) -> str | None:
    return "taken for Core ML 2 only, and 3 is the default"


CONDITIONS: dict[str, Condition] = {
    "ADD": _broadcasts,
    "MUL": _broadcasts,
    "AVERAGE_POOL_2D": no_activation,
    "MAX_POOL_2D": no_activation,
    "CONCATENATION": _along_channels,
    "CONV_2D": constant_from(1),
    "DEPTHWISE_CONV_2D": constant_from(1),
    "FULLY_CONNECTED": constant_from(1),
    "MEAN": _over_the_map,
    "RESHAPE": _never,
}


def integers(subject: Subject) -> Iterator[Spot]:
    if computes_in_int8(subject.graph):
        yield Spot("the whole file")


def unknown_in_float(subject: Subject) -> Iterator[Spot]:
    if not computes_in_int8(subject.graph):
        yield from unknown(TAKEN)(subject)


def unmet_in_float(subject: Subject) -> Iterator[Spot]:
    if not computes_in_int8(subject.graph):
        yield from unmet(CONDITIONS)(subject)


def versions(subject: Subject) -> Iterator[Spot]:
    if computes_in_int8(subject.graph):
        return
    for op in subject.graph.ops:
        reason = version_at_most(VERSIONS.get(op.type, 1))(subject.graph, op)
        if reason and op.type in TAKEN:
            yield at(op, reason)


RULES = (
    Rule(
        id="coreml-delegate-int8",
        severity="warning",
        formats=FORMATS,
        delegate="coreml",
        says="the Core ML delegate takes float files only; nothing of an int8 file runs there",
        remedy="give it the fp16 or fp32 file, or export to coreml itself",
        source=DELEGATE,
        find=integers,
    ),
    Rule(
        id="coreml-delegate-op",
        severity="warning",
        formats=FORMATS,
        delegate="coreml",
        says="the Core ML delegate does not take an operation",
        remedy="export to coreml itself: edgebench export --to coreml",
        source=DELEGATE,
        find=unknown_in_float,
    ),
    Rule(
        id="coreml-delegate-condition",
        severity="warning",
        formats=FORMATS,
        delegate="coreml",
        says="the Core ML delegate takes the operation, but not as it is written here",
        remedy="export to coreml itself: edgebench export --to coreml",
        source=BUILDERS,
        find=unmet_in_float,
    ),
    Rule(
        id="coreml-delegate-version",
        severity="warning",
        formats=FORMATS,
        delegate="coreml",
        says="the Core ML delegate takes an older version of the operation only",
        remedy="export to coreml itself: edgebench export --to coreml",
        source=DELEGATE,
        find=versions,
    ),
)
