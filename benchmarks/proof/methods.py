"""Which interval? The candidates, on the log ratios of simulated runs.

Each is tried over blocks, as if they were independent, and over processes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats

from edgebench.benchmarks.planning.design import Family, draft_plan, lay_out
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import GroupSize, Size
from edgebench.benchmarks.proof.trial import (
    BASELINE,
    LATENCY_S,
    OVERHEAD,
    Answer,
    artifact,
    machine,
)
from edgebench.benchmarks.statistics.levels import block_log_ratio, paired_times, timed_block
from edgebench.benchmarks.statistics.paired import Floats, overhead
from edgebench.deploy.documents.plan import TurnLength
from edgebench.deploy.transports.simulated.device import SimulatedDevice
from edgebench.intervals import Interval

RESAMPLES = 500
ROUNDS = 20
"""The rounds of a block."""

WARMUP_S = 0.4
MODEL = "model"

SIZES = ((6, 6), (12, 12), (18, 18), (30, 30), (6, 18), (6, 30), (12, 24))
"""Processes and blocks."""

SCENARIOS = ("clean", "process-bias", "hiccups", "bursts", "slow-cores")

Method = Callable[[Floats, np.random.Generator], Interval]


def signed_rank(values: Floats, chance: np.random.Generator) -> Interval:
    """The product's: Hodges and Lehmann's estimate with the interval of the signed-rank test."""
    return overhead(values).interval


def student(values: Floats, chance: np.random.Generator) -> Interval:
    """Student's t on the mean."""
    found = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return Interval(float(np.expm1(found.low)), float(np.expm1(found.high)))


def bca(values: Floats, chance: np.random.Generator) -> Interval:
    """The bias-corrected and accelerated bootstrap of the mean (Efron 1987)."""
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="BCa", rng=chance
    ).confidence_interval
    return Interval(float(np.expm1(found.low)), float(np.expm1(found.high)))


def studentised(values: Floats, chance: np.random.Generator) -> Interval:
    """The bootstrap of Student's t (Efron and Tibshirani, An Introduction to the Bootstrap, 12.5).

    Resamples of a single value have no t and are left out.
    """
    drawn = values[chance.integers(0, values.size, (RESAMPLES, values.size))]
    errors = drawn.std(axis=1, ddof=1)
    kept = errors > 0
    t = (drawn[kept].mean(axis=1) - values.mean()) / errors[kept]
    low, high = np.quantile(t, (0.025, 0.975)) * values.std(ddof=1)
    return Interval(float(np.expm1(values.mean() - high)), float(np.expm1(values.mean() - low)))


METHODS: dict[str, Method] = {
    "signed rank": signed_rank,
    "Student's t": student,
    "studentised": studentised,
    "BCa": bca,
}


def run(scenario: str, seed: int) -> dict[tuple[int, int, str, str], Answer]:
    """The answers by processes, blocks, unit and method.

    One run is simulated for each number of blocks in a process, and its first blocks are taken.
    """
    chance = np.random.default_rng(seed)
    answers = {}
    for each in sorted({blocks // processes for processes, blocks in SIZES}):
        sizes = [size for size in SIZES if size[1] == each * size[0]]
        blocks_, processes_ = log_ratios(scenario, seed, max(sizes)[0], each)
        for processes, blocks in sizes:
            units = {"blocks": blocks_[:blocks]}
            if each > 1:
                units["processes"] = processes_[:processes]
            for unit, values in units.items():
                for name, method in METHODS.items():
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # BCa warns of resamples that are alike.
                        interval = method(values, chance)
                    answers[processes, blocks, unit, name] = Answer(OVERHEAD, interval)
    return answers


def log_ratios(scenario: str, seed: int, processes: int, each: int) -> tuple[Floats, Floats]:
    """The log ratios of blocks and of processes, of a simulated run with `each` in a process."""
    baseline, model = artifact(BASELINE), artifact(MODEL)
    request = RunRequest("simulated", seed=seed)
    draft = draft_plan(f"{scenario}-{seed}", [Family("simulated", baseline, (model,))], request)
    group = GroupSize(TurnLength(3, 2, 1), each, ROUNDS, there_and_back=False)
    size = Size(processes, processes, {"simulated": group})
    plan = lay_out(replace(draft, id=f"{draft.id}-{processes}-{each}"), size, WARMUP_S)
    result = SimulatedDevice(machine(scenario, seed), {model.key: OVERHEAD}, LATENCY_S).simulate(
        plan
    )
    blocks = [timed_block(block, own_time=True) for block in result.blocks]
    pairs = paired_times(blocks, model.key, baseline.key)
    return (
        np.array([block_log_ratio(one, model.key, baseline.key) for one in blocks]),
        np.array([one.level for one in pairs]),
    )
