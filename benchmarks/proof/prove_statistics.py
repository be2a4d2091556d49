"""Do the statistics keep their promises? Many simulated runs, in which the truth is known.

    python -m edgebench.benchmarks.proof.prove_statistics [--runs 1000] [--budget 60s] [--intervals]

Every run takes the product's own path on a simulated device (`deploy/transports/simulated`): pilot,
plan, run until the verdicts are clear, comparison, verdict. It is also measured for its whole
budget, and compared with common other methods on the same machine. Shares are in per cent, each
with its binomial 95 % interval, and marked if there is a bound. Exits with 1 if one is broken.

`--intervals` prints instead how often each kind of interval contains the truth, and its width.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from typing import TypeVar

import numpy as np

from edgebench import arguments, console
from edgebench.benchmarks.proof import methods, peer_methods, trial
from edgebench.benchmarks.proof.tables import (
    SEVERAL,
    Intervals,
    MethodRow,
    Rows,
    interval_table,
    proof_table,
)
from edgebench.benchmarks.proof.tally import (
    AT_LEAST_90,
    AT_LEAST_95,
    AT_MOST_5,
    AT_MOST_10,
    COVERAGE,
    COVERAGE_OF_ALL_LOOKS,
    QUESTIONS,
    Figure,
    figures,
    share,
)
from edgebench.benchmarks.proof.trial import OVERHEAD, Answer, SimulatedTrial
from edgebench.deploy.transports.simulated.scenarios import BIASED, RANDOM
from edgebench.intervals import Interval
from edgebench.progress import Progress

Bounds = tuple[Interval | None, ...]

JUDGED: Bounds = (AT_MOST_5, COVERAGE, AT_LEAST_95, AT_MOST_5)
"""The bounds of false alarms, coverage, power and withheld verdicts on a good machine."""

DISTURBED: Bounds = (AT_MOST_5, COVERAGE, AT_LEAST_90, AT_MOST_10)
"""Where other work comes and goes."""

WIDER: Bounds = (AT_MOST_5, COVERAGE, None, AT_MOST_10)
"""Where what happens has the same time scale as turns, so that intervals are wide."""

VALID: Bounds = (AT_MOST_5, COVERAGE, None, None)
"""What is reported has to be right in any case."""

WITHHELD: Bounds = (AT_MOST_5, None, None, AT_LEAST_95)
"""Where the ratio is biased: the interval holds what was measured, and not the truth."""

BOUNDS: dict[str, Bounds] = {
    "clean": JUDGED,
    "process-bias": JUDGED,
    "drift": JUDGED,
    "silent": JUDGED,
    "hiccups": DISTURBED,
    "bursts": DISTURBED,
    "bursts-silent": DISTURBED,
    "throttling": VALID,
    "throttling-silent": WIDER,
    "slow-cores": WIDER,
    "bimodal-clock": WIDER,
    "in-step": WIDER,
    "large-carry": WIDER,
    RANDOM: VALID,
    **dict.fromkeys(BIASED, WITHHELD),
}
"""By scenario. A throttled machine that tells so gets no verdict. One that does not is judged: heat
that slows down all models alike does not bias their ratio, and heat that does not is seen in it. If
it is there from start to end no ratio can show it, and it is the device's state that was measured.
"""

OURS, WHOLE = "edgebench", "whole budget"

FAMILY = (0.0, 0.0, 0.0, 0.0)
"""Models that cost nothing: an interval that leaves out zero is a false alarm."""

CHUNK = 25
WORKERS = 2

T = TypeVar("T")


def main(options: Sequence[str] | None = None) -> int:
    """Print the tables; 1 where a bound is broken, else 0."""
    parser = argparse.ArgumentParser(prog="python -m edgebench.benchmarks.proof.prove_statistics")
    parser.add_argument("--runs", type=arguments.positive, default=1000, help="runs a scenario")
    parser.add_argument("--budget", type=arguments.seconds, default=60.0, help="of each run")
    parser.add_argument("--scenarios", type=arguments.names, default=tuple(BOUNDS), help="which")
    parser.add_argument("--intervals", action="store_true", help="compare kinds of intervals")
    asked = parser.parse_args(options)
    for name in asked.scenarios:
        if name not in BOUNDS:
            parser.error(f"unknown scenario '{name}'; known: {', '.join(BOUNDS)}")
    with console.shown_progress() as progress:
        if asked.intervals:
            found = compare_intervals(asked.runs, progress)
        else:
            results = prove(asked.scenarios, asked.runs, asked.budget, progress)
    if asked.intervals:
        print("\n".join(interval_table(found, asked.runs)))
        return 0
    print("\n".join(proof_table(results, asked.runs, asked.budget)))
    return 1 if any(one.state == "broken" for row in results.values() for one in row.figures) else 0


def prove(scenarios: Sequence[str], runs: int, budget_s: float, progress: Progress) -> Rows:
    """The rows by scenario and method, "edgebench" first."""
    jobs: dict[tuple[str, str], Callable[[int], SimulatedTrial]] = {}
    for scenario in scenarios:
        for name in (OURS, WHOLE):
            jobs[scenario, name] = partial(
                _ours,
                scenario=scenario,
                budget_s=budget_s,
                overheads=(OVERHEAD,),
                whole_budget=name == WHOLE,
            )
        for peer in peer_methods.PEERS:
            jobs[scenario, peer.name] = partial(
                _peers, name=peer.name, scenario=scenario, budget_s=budget_s
            )
    for name in (OURS, WHOLE):
        jobs[SEVERAL, name] = partial(
            _ours,
            scenario="process-bias",
            budget_s=budget_s,
            overheads=FAMILY,
            whole_budget=name == WHOLE,
        )
    return {
        (scenario, method): MethodRow(_figures(scenario, method, found), _median_s(found))
        for (scenario, method), found in _carried_out(jobs, runs, progress).items()
    }


def _figures(scenario: str, method: str, found: Sequence[SimulatedTrial]) -> tuple[Figure, ...]:
    if scenario == SEVERAL:
        together = share(any(one.finds_any for one in trial.models) for trial in found)
        coverage = share(all(one.covers for one in trial.models) for trial in found)
        return Figure(together, AT_MOST_5), Figure(coverage)
    wanted: Bounds = (None,) * len(QUESTIONS)
    if method == WHOLE:
        wanted = BOUNDS[scenario]
    if method == OURS:
        alarms, coverage_, _, withheld = BOUNDS[scenario]
        wanted = (alarms, coverage_ and COVERAGE_OF_ALL_LOOKS, None, withheld)
    return figures(found, wanted, biased=scenario in BIASED)


def _median_s(found: Sequence[SimulatedTrial]) -> float | None:
    seconds = [trial.seconds for trial in found if trial.seconds is not None]
    return float(np.median(seconds)) if seconds else None


def _ours(
    seed: int,
    *,
    scenario: str,
    budget_s: float,
    overheads: tuple[float, ...],
    whole_budget: bool,
) -> SimulatedTrial:
    return trial.run(scenario, seed, budget_s, overheads, whole_budget)


def _peers(seed: int, *, name: str, scenario: str, budget_s: float) -> SimulatedTrial:
    peer = next(one for one in peer_methods.PEERS if one.name == name)
    return peer_methods.run(peer, scenario, seed, budget_s)


def _carried_out(
    jobs: dict[tuple[str, str], Callable[[int], T]], runs: int, progress: Progress
) -> dict[tuple[str, str], list[T]]:
    """Every job with the seeds 0 to `runs`, in `WORKERS` processes; results in order of seeds."""
    done: dict[tuple[str, str], dict[int, list[T]]] = {key: {} for key in jobs}
    step = "simulating runs"
    with ProcessPoolExecutor(WORKERS) as pool:
        futures = {
            pool.submit(_chunk, job, seeds): (key, seeds.start)
            for key, job in jobs.items()
            for seeds in _chunks(runs)
        }
        progress(step, 0, len(jobs) * runs)
        for future in as_completed(futures):
            key, start = futures[future]
            done[key][start] = future.result()
            finished = sum(len(part) for parts in done.values() for part in parts.values())
            progress(step, finished, len(jobs) * runs)
    return {
        key: [one for start in sorted(parts) for one in parts[start]] for key, parts in done.items()
    }


def _chunks(runs: int) -> Iterator[range]:
    return (range(start, min(start + CHUNK, runs)) for start in range(0, runs, CHUNK))


def _chunk(job: Callable[[int], T], seeds: range) -> list[T]:
    return [job(seed) for seed in seeds]


def compare_intervals(runs: int, progress: Progress) -> Intervals:
    """The answers by scenario, processes, blocks, unit and method."""
    jobs: dict[tuple[str, str], Callable[[int], dict[tuple[int, int, str, str], Answer]]] = {
        (name, ""): partial(_methods, scenario=name) for name in methods.SCENARIOS
    }
    found: Intervals = defaultdict(list)
    for (scenario, _), trials in _carried_out(jobs, runs, progress).items():
        for answers in trials:
            for key, one in answers.items():
                found[(scenario, *key)].append(one)
    return found


def _methods(seed: int, *, scenario: str) -> dict[tuple[int, int, str, str], Answer]:
    return methods.run(scenario, seed)


if __name__ == "__main__":
    sys.exit(main())
