"""How overheads changed from run to run on one device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from edgebench.benchmarks.diagnostic import SettingDifference
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow
from edgebench.benchmarks.results.regression import differing
from edgebench.errors import DataError, UnknownNameError
from edgebench.intervals import Estimate


@dataclass(frozen=True)
class Point:
    """One run's overhead of an artifact, with its 95 % interval.

    `changed` is what differs from the run before it: a step there may come from that.
    """

    run: str
    started: str
    overhead: Estimate
    outcome: str
    changed: tuple[SettingDifference, ...]


@dataclass(frozen=True)
class Series:
    """One artifact's points, the oldest first. `threshold` is that of the last run."""

    model: str
    format: str
    precision: str
    threshold: float
    points: tuple[Point, ...]

    @property
    def name(self) -> str:
        return f"{self.model} {self.format} {self.precision}"


@dataclass(frozen=True)
class Trend:
    """All artifacts that were measured on a device."""

    SCHEMA: ClassVar[str] = "edgebench.trend/2"

    device: str
    series: tuple[Series, ...]


def trend(comparisons: Iterable[Comparison], device: str, models: Sequence[str] = ()) -> Trend:
    """The trend of a device's runs, given the oldest first; of some models if they are named.

    Raises `DataError` if the device has no run with an overhead, and `UnknownNameError`
    for a model that none of them measured.
    """
    histories: dict[tuple[str, str, str], list[tuple[Comparison, GroupComparison, ModelRow]]] = {}
    for comparison in comparisons:
        for group in comparison.groups if comparison.device == device else ():
            for row in group.rows:
                if row.overhead is not None and not row.against_itself:
                    key = (row.model, group.format, group.precision)
                    histories.setdefault(key, []).append((comparison, group, row))
    if not histories:
        raise DataError(
            f"no run of device {device} has measured an overhead", "measure one: edgebench run"
        )
    measured = {model for model, _, _ in histories}
    for model in models:
        if model not in measured:
            raise UnknownNameError(f"model in the runs of {device}", model, measured)
    wanted = set(models) or measured
    return Trend(
        device=device,
        series=tuple(
            Series(*key, threshold=history[-1][0].threshold, points=_points(history))
            for key, history in histories.items()
            if key[0] in wanted
        ),
    )


def _points(history: Sequence[tuple[Comparison, GroupComparison, ModelRow]]) -> tuple[Point, ...]:
    points, last = [], None
    for comparison, group, row in history:
        assert row.overhead is not None and row.verdict is not None
        found, alone = row.overhead, _alone(comparison, group, row)
        points.append(
            Point(
                run=comparison.run,
                started=comparison.started,
                overhead=Estimate(found.value, found.interval.low, found.interval.high),
                outcome=row.verdict.outcome,
                changed=tuple(differing(last, alone)) if last else (),
            )
        )
        last = alone
    return tuple(points)


def _alone(comparison: Comparison, group: GroupComparison, row: ModelRow) -> Comparison:
    """The run with this artifact only, so that no other's runtime is compared."""
    runtimes = {
        form: runtime
        for form, runtime in comparison.context.runtimes.items()
        if form == group.format
    }
    return replace(
        comparison,
        context=replace(comparison.context, runtimes=runtimes),
        groups=(replace(group, rows=(group.rows[0], row)),),
    )
