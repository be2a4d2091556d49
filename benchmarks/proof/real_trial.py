"""One real run of the proof on this machine, with our method and with common other ones.

The baseline is measured against itself, where every difference found is an error, and against a
network with about 4 % more of the same work, which should be found.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from edgebench.benchmarks.planning.design import AGAIN
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.proof.load import second_core_loaded
from edgebench.benchmarks.proof.peer_methods import of_means, of_medians
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow
from edgebench.benchmarks.runs import run as running
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.plan import Group, Plan, PlannedBlock, VisitLength, Warmup
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import FILES, read_plan, write_plan
from edgebench.documents import load, save
from edgebench.intervals import Interval
from edgebench.progress import Progress

BASELINE = "mobilenet_v2"
HEAVIER = "mobilenet_v2_deeper"
INFERENCES = 100

OURS = "edgebench"
FORCED = "edgebench, gate ignored"


@dataclass(frozen=True)
class MethodResult:
    """The result of one method for one precision: the intervals of both overheads.

    `withheld` is the id of the reason why there is no verdict; None if there is one.
    """

    method: str
    precision: str
    itself: Interval | None
    heavier: Interval | None
    withheld: str | None = None


@dataclass(frozen=True)
class RealTrial:
    """The results of all methods in one run."""

    SCHEMA: ClassVar[str] = "edgebench.proof/2"

    said: tuple[MethodResult, ...]


@dataclass(frozen=True)
class RealPeer:
    """A common method: in one process or in one each, after a number of warm-ups."""

    name: str
    a_process_each: bool
    kept: slice
    interval: Callable[[Floats, Floats], Interval]


PEERS = (
    RealPeer(f"mean of {INFERENCES}, back to back", False, slice(None), of_means),
    RealPeer("50 runs, 1 warm-up", True, slice(0, 50), of_means),
    RealPeer(f"unpaired medians of {INFERENCES}", True, slice(None), of_medians),
)


def trial(folder: Path, request: RunRequest, device: Device, progress: Progress) -> RealTrial:
    """Carry out one run in a folder, or read its earlier results.

    Raises `KeyboardInterrupt` and `EdgeBenchError`.
    """
    path = folder / "trial.json"
    if path.exists():
        return load(path, RealTrial)
    shutil.rmtree(folder, ignore_errors=True)  # An interrupted run is repeated.
    with second_core_loaded(request.seed):
        request = replace(request, out=str(folder))
        comparison = running.run(request, device, progress)
        if comparison.interrupted:
            raise KeyboardInterrupt
        theirs = _peers(folder / comparison.run, folder / "peers", device, progress)
    found = RealTrial((*_ours(comparison), *theirs))
    save(path, found)
    return found


def request_of(
    artifacts: Path, precisions: Sequence[str], budget_s: float, seed: int
) -> RunRequest:
    """The product's own run: A/A and the heavier model, in all precisions."""
    return RunRequest(
        str(artifacts),
        models=(HEAVIER,),
        formats=("tflite",),
        precisions=tuple(precisions),
        baseline=BASELINE,
        against_itself=True,
        budget_s=budget_s,
        seed=seed,
    )


def _ours(comparison: Comparison) -> list[MethodResult]:
    said = []
    for group in comparison.groups:
        itself, heavier = _row(group, BASELINE, AGAIN), _row(group, HEAVIER, "")
        reasons = heavier.verdict.reasons if heavier.verdict else ()
        forced = MethodResult(FORCED, group.precision, _interval(itself), _interval(heavier))
        reason = reasons[0].id if reasons else None
        said += [replace(forced, method=OURS, withheld=reason), forced]
    return said


def _row(group: GroupComparison, model: str, ending: str) -> ModelRow:
    return next(
        row
        for row in group.rows
        if row.slot.split(".")[0] == model and row.slot.endswith(ending)
        if row.overhead is not None or row.verdict is not None
    )


def _interval(row: ModelRow) -> Interval | None:
    return row.overhead.interval if row.overhead else None


def _peers(whole: Path, folder: Path, device: Device, progress: Progress) -> list[MethodResult]:
    """The results of the other methods, from a plan of their own on the same artifacts."""
    plan = _peers_plan(read_plan(whole))
    folder.mkdir(parents=True)
    shutil.copytree(whole / FILES, folder / FILES)
    write_plan(plan, folder)
    result = device.run(folder, progress)
    said = []
    for peer in PEERS:
        for group in plan.groups[: len(plan.groups) // 3]:
            precision = group.baseline.split(".")[1]
            times = {
                _role(slot): _times(result, slot, peer.a_process_each)[peer.kept]
                for slot in group.slots
            }
            if any(one.size == 0 for one in times.values()):
                raise KeyboardInterrupt
            said.append(
                MethodResult(
                    peer.name,
                    precision,
                    peer.interval(times["baseline"], times["itself"]),
                    peer.interval(times["baseline"], times["heavier"]),
                )
            )
    return said


def _role(slot: str) -> str:
    if slot.endswith(AGAIN):
        return "itself"
    return "heavier" if slot.startswith(HEAVIER) else "baseline"


def _peers_plan(plan: Plan) -> Plan:
    """All slots of a group in one process, back to back; then each in a process of its own.

    The runner never measures a baseline alone, so each slot is in a group with another one.
    """
    alone = tuple(
        Group(f"{group.name}, alone", group.slots[-1], group.slots) for group in plan.groups
    )
    others = tuple(
        Group(f"{group.name}, the last alone", group.slots[0], group.slots) for group in plan.groups
    )
    orders: list[tuple[int, str, tuple[str, ...]]] = [
        (0, group.name, group.slots) for group in plan.groups
    ]
    for number in range(len(plan.groups[0].slots)):
        for group, own, other in zip(plan.groups, alone, others, strict=True):
            slot = group.slots[number]
            name = other.name if slot == own.baseline else own.name
            orders.append((1 + number, name, (slot,)))
    return replace(
        plan,
        id=f"{plan.id}/peers",
        artifacts={slot: replace(one, evaluation=None) for slot, one in plan.artifacts.items()},
        groups=(*plan.groups, *alone, *others),
        processes=1 + len(plan.groups[0].slots),
        blocks=tuple(
            PlannedBlock(index, process, name, order)
            for index, (process, name, order) in enumerate(orders)
        ),
        warmup=Warmup(window=1, tolerance=0.0, max_s=0.0),
        visit=VisitLength(0.0, INFERENCES),
    )


def _times(result: RunResult, slot: str, alone: bool) -> Floats:
    visits = [
        visit.samples_ns
        for block in result.blocks
        for visit in block.visits
        if visit.slot == slot and (block.process > 0) == alone
    ]
    return np.concatenate([np.asarray(one, dtype=np.float64) for one in visits] or [np.zeros(0)])
