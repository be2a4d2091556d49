"""Common other methods on the same simulated machines: no blocks, no pairs, no gate.

Each has a plan of its own and an interval over inferences, because it has no other unit. The
intervals are SciPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from edgebench.benchmarks.planning.design import AGAIN, Family, draft_plan
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.proof.trial import (
    BASELINE,
    LATENCY_S,
    OVERHEAD,
    Answer,
    SimulatedTrial,
    artifact,
    machine,
)
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.deploy.documents.plan import Plan, PlannedBlock, TurnLength, Warmup
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.transports.simulated.device import SimulatedDevice
from edgebench.intervals import Interval

MODEL = "model"


@dataclass(frozen=True)
class PeerMethod:
    """A method to compare two models: how they run, and the interval from their times.

    `warmup` and `inferences` are numbers of inferences; None for as many as the budget has.
    """

    name: str
    warmup: int
    inferences: int | None
    a_process_each: bool
    interval: Callable[[Floats, Floats], Interval]


def of_means(baseline: Floats, model: Floats) -> Interval:
    """The ratio of means, by Welch's t: each scaled to a mean of one, and their logs set apart."""
    spread = stats.ttest_ind(
        model / model.mean(), baseline / baseline.mean(), equal_var=False
    ).confidence_interval(0.95)
    ratio = np.log(model.mean() / baseline.mean())
    return Interval(float(np.expm1(ratio + spread.low)), float(np.expm1(ratio + spread.high)))


def of_medians(baseline: Floats, model: Floats) -> Interval:
    """The ratio of medians, from the interval of each by its order statistics.

    The two are joined by the square-and-add method (Zou and Donner 2008), on logarithms.
    """
    one, low_one, high_one = _log_median(baseline)
    other, low_other, high_other = _log_median(model)
    below = np.hypot(other - low_other, high_one - one)
    above = np.hypot(high_other - other, one - low_one)
    ratio = other - one
    return Interval(float(np.expm1(ratio - below)), float(np.expm1(ratio + above)))


def _log_median(times: Floats) -> tuple[float, float, float]:
    found = stats.quantile_test(times, q=1.0, p=0.5).confidence_interval(0.95)
    return float(np.log(np.median(times))), float(np.log(found.low)), float(np.log(found.high))


PEERS = (
    PeerMethod("mean of N", 1, None, False, of_means),
    PeerMethod("50 runs", 1, 50, True, of_means),
    PeerMethod("unpaired medians", 5, None, True, of_medians),
)


def run(peer: PeerMethod, scenario: str, seed: int, budget_s: float) -> SimulatedTrial:
    """Simulate a method's results for A/A and for a model with `OVERHEAD`."""
    baseline, model = artifact(BASELINE), artifact(MODEL)
    request = RunRequest("simulated", against_itself=True, budget_s=budget_s, seed=seed)
    draft = draft_plan(f"{scenario}-{seed}", [Family("simulated", baseline, (model,))], request)
    device = SimulatedDevice(machine(scenario, seed), {model.key: OVERHEAD}, LATENCY_S)
    result = device.simulate(_plan(peer, draft, budget_s))
    of_baseline, of_model, again = (
        _times(result, slot) for slot in (baseline.key, model.key, baseline.key + AGAIN)
    )
    return SimulatedTrial(
        itself=Answer(0.0, peer.interval(of_baseline, again)),
        models=(Answer(OVERHEAD, peer.interval(of_baseline, of_model)),),
    )


def _plan(peer: PeerMethod, draft: Plan, budget_s: float) -> Plan:
    (group,) = draft.groups
    orders: Sequence[tuple[str, ...]] = (
        [(slot,) for slot in group.slots] if peer.a_process_each else [group.slots]
    )
    inferences = peer.inferences or int(budget_s / LATENCY_S / len(group.slots))
    return replace(
        draft,
        groups=(replace(group, turn=TurnLength(inferences, 0, 1)),),
        processes=len(orders),
        first_look=len(orders),
        blocks=tuple(
            PlannedBlock(number, number, group.name, order) for number, order in enumerate(orders)
        ),
        warmup=Warmup(window=peer.warmup, tolerance=0.0, max_s=0.0),
    )


def _times(result: RunResult, slot: str) -> Floats:
    turns = [
        turn.samples_ns for block in result.blocks for turn in block.turns if turn.slot == slot
    ]
    return np.concatenate([np.asarray(turn, dtype=np.float64) for turn in turns])
