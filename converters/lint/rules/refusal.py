"""Which of a file's operations a delegate does not take: a table of words and of conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from edgebench.converters.lint.graph import LintGraph, Op
from edgebench.converters.lint.rule import Spot, Subject, at

Condition = Callable[[LintGraph, Op], str | None]
"""Says, as a clause, why an operation is not taken; None where it is."""

# The numbers of the schema's ActivationFunctionType.
NO_ACTIVATION, RELUS = 0, frozenset({0, 1, 2, 3})


def unknown(taken: Iterable[str]) -> Callable[[Subject], Iterator[Spot]]:
    """Find the operations whose type is not among those taken."""
    types = frozenset(taken)

    def find(subject: Subject) -> Iterator[Spot]:
        for op in subject.graph.ops:
            if op.type not in types:
                yield at(op)

    return find


def unmet(conditions: Mapping[str, Condition]) -> Callable[[Subject], Iterator[Spot]]:
    """Find the operations of a type that is taken, but not as they are here."""

    def find(subject: Subject) -> Iterator[Spot]:
        for op in subject.graph.ops:
            condition = conditions.get(op.type)
            reason = condition(subject.graph, op) if condition else None
            if reason:
                yield at(op, reason)

    return find


def all_of(*conditions: Condition) -> Condition:
    """The first reason of several."""

    def first(graph: LintGraph, op: Op) -> str | None:
        return next((reason for one in conditions if (reason := one(graph, op))), None)

    return first


def rank_at_most(limit: int) -> Condition:
    def check(graph: LintGraph, op: Op) -> str | None:
        ranks = [tensor.rank or 0 for tensor in (*graph.read(op), *graph.written(op))]
        return f"a tensor of {max(ranks)} dimensions" if ranks and max(ranks) > limit else None

    return check


def version_at_most(limit: int) -> Condition:
    """An op's version grows when it learns a type or an option that older runtimes do not know."""

    def check(graph: LintGraph, op: Op) -> str | None:
        version = op.attributes.get("version")
        newer = isinstance(version, int) and version > limit
        return f"version {version}, where {limit} is taken" if newer else None

    return check


def no_activation(graph: LintGraph, op: Op) -> str | None:
    fused = op.attributes.get("fusedActivationFunction", NO_ACTIVATION) != NO_ACTIVATION
    return "it has a fused activation" if fused else None


def relu_at_most(graph: LintGraph, op: Op) -> str | None:
    taken = op.attributes.get("fusedActivationFunction", NO_ACTIVATION) in RELUS
    return None if taken else "its fused activation is not a ReLU"


def constant_from(second: int) -> Condition:
    """All inputs from this one on must lie in the file."""

    def check(graph: LintGraph, op: Op) -> str | None:
        given = [graph.tensors[name] for name in op.inputs[second:] if name]
        computed = [tensor for tensor in given if not tensor.constant]
        return "a parameter is computed, not constant" if computed else None

    return check


def stride_at_most(limit: int) -> Condition:
    def check(graph: LintGraph, op: Op) -> str | None:
        strides = [op.attributes.get(name, 1) for name in ("strideH", "strideW")]
        large = [one for one in strides if isinstance(one, int) and one > limit]
        return f"a stride of {large[0]}" if large else None

    return check


def dilations(op: Op) -> tuple[object, object]:
    return op.attributes.get("dilationHFactor", 1), op.attributes.get("dilationWFactor", 1)


def axes(graph: LintGraph, op: Op) -> frozenset[int] | None:
    """The axes of a reduction, counted from the front; None where they are computed."""
    found = graph.tensors[op.inputs[1]].values
    rank = graph.tensors[op.inputs[0]].rank
    if found is None or rank is None:
        return None
    return frozenset(axis % rank for axis in found)
