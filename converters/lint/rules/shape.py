"""Shapes and layouts: what any runtime pays for."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.lint.graph import LintGraph, LintTensor, Op
from edgebench.converters.lint.kinds import ELEMENTWISE
from edgebench.converters.lint.rule import Rule, Spot, Subject, at
from edgebench.converters.lint.rules.sources import LAYOUTS, litert

ALL = frozenset({"tflite", "onnx", "openvino", "coreml"})


def only_renames(graph: LintGraph, op: Op) -> bool:
    """Whether a transpose only moves axes of length one past the others, so that no data moves."""
    perm, shape = op.attributes.get("perm"), graph.tensors[op.inputs[0]].shape
    if not isinstance(perm, tuple) or shape is None:
        return False
    long = [axis for axis in perm if shape[axis] != 1]
    return long == sorted(long)


def _moving(graph: LintGraph) -> list[Op]:
    shuffles = graph.of_kind("transpose", "depth_to_space", "space_to_depth")
    return [op for op in shuffles if op.kind != "transpose" or not only_renames(graph, op)]


def moving_transposes(subject: Subject) -> Iterator[Spot]:
    """Layout shuffles, where there are more of them than in the baseline."""
    found = _moving(subject.graph)
    there = 0 if subject.baseline is None else len(_moving(subject.baseline))
    if len(found) > there:
        beside = "" if subject.baseline is None else f"; the baseline has {there} such"
        for op in found:
            yield at(op, f"moves {_size(subject.graph.tensors[op.inputs[0]])}{beside}")


def renaming_transposes(subject: Subject) -> Iterator[Spot]:
    for op in subject.graph.of_kind("transpose"):
        if only_renames(subject.graph, op):
            yield at(op, f"on {_size(subject.graph.tensors[op.inputs[0]])}")


def dynamic_dimensions(subject: Subject) -> Iterator[Spot]:
    """The inputs that are not fixed, or where all are, the ops that make something that is not."""
    graph = subject.graph
    inputs = [graph.tensors[name] for name in graph.inputs]
    loose = [tensor for tensor in inputs if tensor.shape is not None and not tensor.fixed]
    for tensor in loose:
        yield Spot(f"input {tensor.name}", _size(tensor))
    for op in () if loose else graph.ops:
        for tensor in graph.written(op):
            if tensor.shape is not None and not tensor.fixed:
                yield at(op, f"makes {_size(tensor)}")


def odd_broadcasts(subject: Subject) -> Iterator[Spot]:
    """Elementwise operations on tensors of different rank, or of more than four dimensions."""
    for op in subject.graph.ops:
        if op.kind not in ELEMENTWISE:
            continue
        operands = [t for t in subject.graph.read(op) if t.rank and set(t.shape or ()) != {1}]
        ranks = {tensor.rank for tensor in operands}
        if len(ranks) > 1 or any(rank is not None and rank > 4 for rank in ranks):
            yield at(op, " and ".join(_size(tensor) for tensor in operands))


def _size(tensor: LintTensor) -> str:
    return "x".join("?" if n is None else str(n) for n in tensor.shape or ()) or "a scalar"


RULES = (
    Rule(
        id="layout-shuffle",
        severity="warning",
        formats=ALL,
        delegate=None,
        says="data is moved from one layout to another, which the baseline does less or not at all",
        remedy="export from a graph in which each value is used in the layout it is made in; "
        "edgebench's own exports to TFLite have no TRANSPOSE",
        source=LAYOUTS,
        find=moving_transposes,
    ),
    Rule(
        id="renaming-transpose",
        severity="info",
        formats=ALL,
        delegate=None,
        says="a transpose only moves axes of length one, and some runtimes copy data to do so",
        remedy="write it as a reshape, which is free or nearly so",
        source=LAYOUTS,
        find=renaming_transposes,
    ),
    Rule(
        id="dynamic-dimension",
        severity="warning",
        formats=ALL,
        delegate=None,
        says="a dimension is only known at run time, which delegates refuse or prepare for anew "
        "at every change",
        remedy="fix it at export: edgebench export --input-shape 1,3,224,224",
        source=litert("XNNPACK delegate, other limitations", "tflite/delegates/xnnpack/README.md"),
        find=dynamic_dimensions,
    ),
    Rule(
        id="odd-broadcast",
        severity="warning",
        formats=ALL,
        delegate=None,
        says="an elementwise operation reads tensors of different ranks or of more than four "
        "dimensions, which GPU and NPU delegates take in some combinations only",
        remedy="keep the reduced dimensions (keepdim=True), so that both operands have four",
        source=litert(
            "GPU delegate, CheckAddMulBroadcastCompatibility",
            "tflite/tools/versioning/gpu_compatibility.cc",
        ),
        find=odd_broadcasts,
    ),
)
