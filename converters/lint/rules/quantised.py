"""Quantised graphs: where they leave int8, and what their format asks of scales."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.lint.graph import LintGraph, LintTensor, Op
from edgebench.converters.lint.rule import Reference, Rule, Spot, Subject, at
from edgebench.converters.lint.rules.sources import FLOAT_BRANCHES, QUANTISATION

SAME_SCALE = frozenset(
    {
        *("AVERAGE_POOL_2D", "CONCATENATION", "MAX_POOL_2D", "RESHAPE", "RESIZE_BILINEAR"),
        *("SPACE_TO_DEPTH", "PAD", "GATHER", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND"),
        *("TRANSPOSE", "SQUEEZE", "MAXIMUM", "MINIMUM", "PADV2", "SLICE"),
    }
)
"""Operations whose int8 inputs and outputs must all have one scale and zero point."""

FIXED_SCALE = {
    "L2_NORMALIZATION": (1 / 128, 0),
    "LOGISTIC": (1 / 256, -128),
    "SOFTMAX": (1 / 256, -128),
    "TANH": (1 / 128, 0),
    "LOG_SOFTMAX": (16 / 256, 127),
}
"""The scale and zero point that an int8 output of these must have."""

HEAVY = ("conv", "depthwise_conv", "linear")
BORDERS = frozenset({"quantise", "dequantise", "cast"})

# What hands its input on, so that what follows is as quantised as it was.
PASSING = frozenset(
    {"reshape", "transpose", "max_pool", "concat", "split", "slice", "pad", "clamp", "clip", "relu"}
)


def computes_in_int8(graph: LintGraph) -> bool:
    """Whether any convolution or linear layer of the file reads quantised data."""
    return any(_reads_integers(graph, op) for op in graph.of_kind(*HEAVY))


def _reads_integers(graph: LintGraph, op: Op) -> bool:
    read = graph.read(op)
    return bool(read) and (not read[0].floating or _dequantised(graph, read[0]))


def _dequantised(graph: LintGraph, tensor: LintTensor) -> bool:
    """Whether a float tensor stands for int8 data: in QDQ graphs, and where FakeQuantize is."""
    maker = graph.maker.get(tensor.name)
    if maker is None:
        return False
    if maker.kind in PASSING and graph.format in ("openvino", "onnx"):
        return all(_dequantised(graph, one) for one in graph.read(maker))
    return maker.kind == "dequantise" or maker.type == "FakeQuantize"


def float_islands(subject: Subject) -> Iterator[Spot]:
    """What computes in float in a graph that computes in int8 elsewhere.

    In graphs of the QDQ kind everything is float to look at, and runtimes fuse what follows a
    convolution into it; there only convolutions and linear layers are looked at.
    """
    graph = subject.graph
    if not computes_in_int8(graph):
        return
    for op in graph.ops:
        if graph.format == "tflite":
            island = op.kind not in BORDERS and any(t.floating for t in graph.read(op))
        else:
            island = op.kind in HEAVY and not _reads_integers(graph, op)
        if island:
            yield at(op)


def needless_pairs(subject: Subject) -> Iterator[Spot]:
    """A DEQUANTIZE that is read by a QUANTIZE at once: to another scale, by way of float."""
    graph = subject.graph
    for op in graph.of_kind("quantise"):
        maker = graph.maker.get(op.inputs[0])
        if maker is not None and maker.kind == "dequantise":
            yield at(op, f"right after {maker.type} {maker.name}")


def requantisations(subject: Subject) -> Iterator[Spot]:
    for op in subject.graph.of_kind("quantise"):
        if any(not tensor.floating for tensor in subject.graph.read(op)):
            yield at(op)


def unequal_scales(subject: Subject) -> Iterator[Spot]:
    """Where int8 operations that only move values, or pick among them, have more than one scale."""
    graph = subject.graph
    for op in graph.ops:
        if op.type not in SAME_SCALE:
            continue
        tensors = [graph.tensors[name] for name in op.inputs if name] + list(graph.written(op))
        scales = {t.quantised for t in tensors if t.dtype == "int8" and t.quantised is not None}
        if len(scales) > 1:
            yield at(op, "scales " + ", ".join(sorted(f"{q.scales[0]:.4g}" for q in scales)))


def wrong_fixed_scales(subject: Subject) -> Iterator[Spot]:
    graph = subject.graph
    for op in graph.ops:
        if op.type not in FIXED_SCALE:
            continue
        scale, point = FIXED_SCALE[op.type]
        for tensor in graph.written(op):
            found = tensor.quantised
            if tensor.dtype != "int8" or found is None:
                continue
            if abs(found.scales[0] / scale - 1) > 1e-3 or found.zero_points[0] != point:
                yield at(op, f"scale {found.scales[0]:.4g}, zero point {found.zero_points[0]}")


def rescaling_concats(subject: Subject) -> Iterator[Spot]:
    """Concatenations in a QDQ graph whose inputs were quantised with different scales."""
    graph = subject.graph
    for op in graph.of_kind("concat"):
        scales = {quantised for one in graph.read(op) if (quantised := _scale_of(graph, one))}
        if len(scales) > 1:
            yield at(op, "scales " + ", ".join(sorted(f"{one:.4g}" for one in scales)))


def _scale_of(graph: LintGraph, tensor: LintTensor) -> float | None:
    maker = graph.maker.get(tensor.name)
    if maker is None or maker.kind != "dequantise":
        return None
    found = graph.tensors[maker.inputs[0]].quantised
    return None if found is None else found.scales[0]


RULES = (
    Rule(
        id="unequal-scales",
        severity="error",
        formats=frozenset({"tflite"}),
        delegate=None,
        says="an int8 operation joins or moves tensors of different scales, which its format "
        "forbids; LiteRT refuses it or computes wrong values",
        remedy="give the tensors one range at calibration, or put a QUANTIZE before the operation",
        source=QUANTISATION,
        find=unequal_scales,
    ),
    Rule(
        id="wrong-fixed-scale",
        severity="error",
        formats=frozenset({"tflite"}),
        delegate=None,
        says="the int8 output of an operation has another scale than the one its format fixes",
        remedy="export again; a sigmoid has 1/256 and -128, a tanh 1/128 and 0",
        source=QUANTISATION,
        find=wrong_fixed_scales,
    ),
    Rule(
        id="float-island",
        severity="warning",
        formats=frozenset({"tflite", "onnx", "openvino"}),
        delegate=None,
        says="an operation computes in float between others that compute in int8, and values are "
        "converted there and back",
        remedy="quantise it too, or leave the whole branch in float; measure which is faster",
        source=FLOAT_BRANCHES,
        find=float_islands,
    ),
    Rule(
        id="dequantise-quantise",
        severity="warning",
        formats=frozenset({"tflite", "coreml"}),
        delegate=None,
        says="values are made float and quantised again with nothing in between",
        remedy="give both sides one scale at calibration, so that the pair falls away",
        source=QUANTISATION,
        find=needless_pairs,
    ),
    Rule(
        id="requantisation",
        severity="info",
        formats=frozenset({"tflite"}),
        delegate=None,
        says="int8 values are brought to another scale, which reads and writes them once more",
        remedy="give both sides one scale at calibration",
        source=QUANTISATION,
        find=requantisations,
    ),
    Rule(
        id="concat-rescale",
        severity="info",
        formats=frozenset({"onnx"}),
        delegate=None,
        says="a concatenation joins tensors of different scales, which rescales all but one",
        remedy="give its inputs one range at calibration",
        source=Reference(
            "ONNX Runtime, QLinearConcat: a scale and a zero point for each input",
            "github.com/microsoft/onnxruntime, test/contrib_ops/qlinear_concat_test.cc",
            "2026-11-21",
        ),
        find=rescaling_concats,
    ),
)
