"""Is `edgebench compare --fail-above` right? Pairs of simulated runs whose truth is known.

    python -m edgebench.benchmarks.proof.prove_gate [--pairs 300] [--budget 60s]

Each pair is two sessions on a simulated machine in order, between which the model became slower
by a known share of its time, or not. It prints how often the interval of the change contains that
share, and how often the gate at 5 % fails. Exits with 1 if it fails too often without a cause.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from edgebench import arguments
from edgebench.benchmarks.formatting import share_in, signed
from edgebench.benchmarks.proof.tally import AT_MOST_5, share
from edgebench.benchmarks.proof.trial import simulate
from edgebench.benchmarks.results.compare import compare
from edgebench.benchmarks.results.regression import Shift, change

SCENARIOS = ("process-bias", "drift", "hiccups", "silent")
CHANGES = (0.0, 0.03, 0.05, 0.08, 0.12)
OVERHEAD = 0.16
"""What the model cost before."""

LIMIT = 0.05
WORKERS = 2


def main(options: Sequence[str] | None = None) -> int:
    """Print the table; 0 where the gate never fails too often at or below its limit, else 1."""
    parser = argparse.ArgumentParser(prog="python -m edgebench.benchmarks.proof.prove_gate")
    parser.add_argument("--pairs", type=arguments.positive, default=300, help="pairs a line")
    parser.add_argument("--budget", type=arguments.seconds, default=60.0, help="of each run")
    asked = parser.parse_args(options)
    print(f"{asked.pairs} pairs of runs a line, of {asked.budget:.0f} s each; per cent of those")
    print("that were judged [95 % interval]. The gate fails above +5 %.\n")
    print(f"{'machine':<16}{'true change':>12}{'judged':>9}  {'holds the truth':<20}gate fails")
    kept = True
    with ProcessPoolExecutor(WORKERS) as pool:
        for scenario in SCENARIOS:
            for truth in CHANGES:
                pair = partial(pair_of_runs, scenario, truth, asked.budget)
                shifts = [one for one in pool.map(pair, range(asked.pairs), chunksize=10)]
                judged = [one for one in shifts if one.outcome != "not judged"]
                holds = share(_holds(one, truth) for one in judged)
                fails = share(one.outcome == "regressed" for one in judged)
                kept &= truth > LIMIT or fails is None or fails.value <= AT_MOST_5.high
                cells = ("-" if one is None else share_in(one) for one in (holds, fails))
                print(
                    f"{scenario:<16}{signed(truth):>12}{len(judged):>9}  "
                    + "".join(f"{cell:<20}" for cell in cells).rstrip()
                )
    return 0 if kept else 1


def pair_of_runs(scenario: str, truth: float, budget_s: float, seed: int) -> Shift:
    """How a model that became slower by `truth` moved between two sessions."""
    before, after = (
        compare(simulate(scenario, 2 * seed + number, budget_s, (overhead,), whole_budget=True)[0])
        for number, overhead in enumerate((OVERHEAD, (1 + OVERHEAD) * (1 + truth) - 1))
    )
    (model,) = (one for one in change(before, after, LIMIT).shifts if one.model != "baseline")
    return model


def _holds(shift: Shift, truth: float) -> bool:
    found = shift.overhead
    return found is not None and found.low <= truth <= found.high


if __name__ == "__main__":
    sys.exit(main())
