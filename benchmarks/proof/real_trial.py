"""One real run of the proof on this machine, with our method and with common other ones.

The baseline is measured against itself, where every difference found is an error, and against a
network with about 4 % more of the same work, which should be found.
"""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from edgebench.benchmarks.planning.design import AGAIN
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.proof import visits_design
from edgebench.benchmarks.proof.load import Load, loaded
from edgebench.benchmarks.proof.peer_methods import of_means, of_medians
from edgebench.benchmarks.proof.visits_design import VisitsRun
from edgebench.benchmarks.results.compare import judgements, timed_blocks
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow
from edgebench.benchmarks.results.run_folder import read_result, read_times
from edgebench.benchmarks.runs import run as running
from edgebench.benchmarks.statistics.levels import paired_times, weights
from edgebench.benchmarks.statistics.paired import MIN_PROCESSES, Floats, centre
from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.plan import Group, Plan, PlannedBlock, TurnLength, Warmup
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import FILES, read_plan, write_plan
from edgebench.documents import load, save
from edgebench.intervals import Estimate, Interval
from edgebench.progress import Progress

BASELINE = "mobilenet_v2"
HEAVIER = "mobilenet_v2_deeper"
INFERENCES = 100

DETECT = 0.03
"""The overhead that the product's run is asked to detect: a bit less than there is."""

OURS = "edgebench"
FORCED = "edgebench, gate ignored"
VISITS = "visits, there and back"


@dataclass(frozen=True)
class MethodResult:
    """The result of one method for one precision: the intervals of both overheads.

    `withheld` is the id of the reason why there is no verdict; None if there is one. `decided` says
    that the verdicts are clear, and `seconds` how long the run took, pilot included. For designs to
    be compared, `half_width` is that of the usual interval of A/A in log time, as if the run had
    been looked at once, and `measuring_s` the time without the pilot.
    """

    method: str
    precision: str
    itself: Interval | None
    heavier: Interval | None
    withheld: str | None = None
    decided: bool = False
    seconds: float | None = None
    half_width: float | None = None
    measuring_s: float | None = None


@dataclass(frozen=True)
class RealTrial:
    """The results of all methods in one run."""

    SCHEMA: ClassVar[str] = "edgebench.proof/3"

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


def trial(
    folder: Path, request: RunRequest, device: Device, progress: Progress, load_: Load
) -> RealTrial:
    """Carry out one run in a folder under that load, or read its earlier results.

    Raises `KeyboardInterrupt` and `EdgeBenchError`.
    """
    path = folder / "trial.json"
    if path.exists():
        return load(path, RealTrial)
    shutil.rmtree(folder, ignore_errors=True)  # An interrupted run is repeated.
    with loaded(request.seed, load_):
        began = time.monotonic()
        comparison = running.run(replace(request, out=str(folder)), device, progress)
        seconds = time.monotonic() - began
        if comparison.interrupted:
            raise KeyboardInterrupt
        whole = folder / comparison.run
        visits = visits_design.measure(whole, folder / "visits", device, progress)
        theirs = _peers(whole, folder / "peers", device, progress)
    found = RealTrial((*_ours(whole, comparison, seconds), *_visits(visits), *theirs))
    save(path, found)
    return found


def request_of(artifacts: Path, precision: str, budget_s: float, seed: int) -> RunRequest:
    """The product's own run: A/A and the heavier model, in one precision."""
    return RunRequest(
        str(artifacts),
        models=(HEAVIER,),
        formats=("tflite",),
        precisions=(precision,),
        baseline=BASELINE,
        against_itself=True,
        budget_s=budget_s,
        detect=DETECT,
        seed=seed,
    )


def _ours(whole: Path, comparison: Comparison, seconds: float) -> list[MethodResult]:
    run = read_times(whole, read_result(whole))
    measuring_s = _elapsed_s(run.result)
    judged = judgements(run)
    said = []
    for group, planned in zip(comparison.groups, run.plan.groups, strict=True):
        itself, heavier = _row(group, BASELINE, AGAIN), _row(group, HEAVIER, "")
        processes = paired_times(timed_blocks(run, planned), itself.slot, planned.baseline)
        levels = np.array([one.level for one in processes])
        forced = MethodResult(
            FORCED,
            group.precision,
            _interval(itself),
            _interval(heavier),
            decided=all(judged[row.slot].answers(run.request) for row in (itself, heavier)),
            seconds=seconds,
            half_width=_half_width(centre(levels, weights=weights(processes)))
            if len(levels) >= MIN_PROCESSES
            else None,
            measuring_s=measuring_s,
        )
        reasons = heavier.verdict.reasons if heavier.verdict else ()
        said += [
            replace(forced, method=OURS, withheld=reasons[0].id if reasons else None),
            forced,
        ]
    return said


def _visits(run: VisitsRun) -> list[MethodResult]:
    said = []
    for group in run.plan.groups:
        itself, heavier = (
            run.overhead(next(one for one in group.slots if _role(one) == role), group.baseline)
            for role in ("itself", "heavier")
        )
        said.append(
            MethodResult(
                VISITS,
                group.baseline.split(".")[1],
                _shares(itself),
                _shares(heavier),
                half_width=_half_width(itself),
                measuring_s=run.seconds,
            )
        )
    return said


def _shares(found: Estimate) -> Interval:
    return Interval(float(np.expm1(found.low)), float(np.expm1(found.high)))


def _half_width(found: Estimate) -> float:
    return (found.high - found.low) / 2


def _elapsed_s(result: RunResult) -> float:
    """From the first reading to the last, and the starts of processes between them."""
    times = [one.unix_s for block in result.blocks for one in (block.before, block.after) if one]
    started = datetime.datetime.fromisoformat(result.started).timestamp()
    return max(times, default=started) - started


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
    turn = TurnLength(INFERENCES, 0, 1)
    together = tuple(replace(group, turn=turn) for group in plan.groups)
    alone = tuple(
        Group(f"{group.name}, alone", group.slots[-1], group.slots, turn) for group in plan.groups
    )
    others = tuple(
        Group(f"{group.name}, the last alone", group.slots[0], group.slots, turn)
        for group in plan.groups
    )
    orders: list[tuple[int, str, tuple[str, ...]]] = [
        (0, group.name, group.slots) for group in plan.groups
    ]
    for number in range(len(plan.groups[0].slots)):
        for group, own, other in zip(plan.groups, alone, others, strict=True):
            slot = group.slots[number]
            name = other.name if slot == own.baseline else own.name
            orders.append((1 + number, name, (slot,)))
    processes = 1 + len(plan.groups[0].slots)
    return replace(
        plan,
        id=f"{plan.id}/peers",
        artifacts={slot: replace(one, evaluation=None) for slot, one in plan.artifacts.items()},
        groups=(*together, *alone, *others),
        processes=processes,
        first_look=processes,
        blocks=tuple(
            PlannedBlock(index, process, name, order)
            for index, (process, name, order) in enumerate(orders)
        ),
        warmup=Warmup(window=1, tolerance=0.0, max_s=0.0),
    )


def _times(result: RunResult, slot: str, alone: bool) -> Floats:
    turns = [
        turn.samples_ns
        for block in result.blocks
        for turn in block.turns
        if turn.slot == slot and (block.process > 0) == alone
    ]
    return np.concatenate([np.asarray(one, dtype=np.float64) for one in turns] or [np.zeros(0)])
