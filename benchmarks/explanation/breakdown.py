"""Counts and profiled times of operations, summed by stage and kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from edgebench.benchmarks.explanation.profiles import Placed
from edgebench.benchmarks.results.explanation import Counted, KindCost, Profiled, RooflinePoint
from edgebench.converters.artifact import Operation
from edgebench.deploy.documents.result import Profile

SHORTEST_S = 5e-6
"""The shortest time used for a rate: profilers' clocks count whole microseconds."""


def counted(operations: Sequence[Operation]) -> Counted:
    return Counted(
        operations=len(operations),
        madds=sum(one.madds for one in operations),
        elementwise=sum(one.elementwise for one in operations),
        bytes_moved=sum(_bytes(one) for one in operations),
    )


def _bytes(operation: Operation) -> int:
    return operation.weight_bytes + operation.read_bytes + operation.written_bytes


def time(placed: Sequence[Placed], belongs: Callable[[Operation], bool]) -> float:
    return sum(
        one.line.time_s for one in placed if one.operation is not None and belongs(one.operation)
    )


def kinds(
    operations: Sequence[Operation], placed: Sequence[Placed], profile: Profile | None
) -> tuple[KindCost, ...]:
    """The attention's operations by kind, and the rest of the network as one."""
    attention = dict.fromkeys(one.kind for one in operations if one.attention)
    found = []
    for kind in (*attention, None):

        def belongs(one: Operation, kind: str | None = kind) -> bool:
            return one.kind == kind if one.attention and kind else not one.attention and not kind

        found.append(
            KindCost(
                kind=kind,
                profiled_s=time(placed, belongs) if profile else None,
                counted=counted([one for one in operations if belongs(one)]),
            )
        )
    return tuple(found)


def profiled(profile: Profile, placed: Sequence[Placed]) -> Profiled:
    total = sum(one.time_s for one in profile.operations)
    exact = sum(one.line.time_s for one in placed if one.exact)
    return Profiled(profile.source, profile.whole_s, total, exact / total if total else 0.0)


def points(placed: Sequence[Placed]) -> Iterable[RooflinePoint]:
    """The operations that a line of the profile stands for, with lines that belong to them."""
    times: dict[int, float] = {}
    operations: dict[int, Operation] = {}
    for one in placed:
        if one.operation is not None:
            operations[id(one.operation)] = one.operation
            times[id(one.operation)] = times.get(id(one.operation), 0.0) + one.line.time_s
    for key, operation in operations.items():
        if _bytes(operation) and times[key] >= SHORTEST_S:
            yield RooflinePoint(
                name=operation.name.partition(";")[0],
                type=operation.type,
                kind=operation.kind,
                stage=operation.stage,
                attention=operation.attention,
                work=operation.madds + operation.elementwise,
                bytes_moved=_bytes(operation),
                profiled_s=times[key],
            )
