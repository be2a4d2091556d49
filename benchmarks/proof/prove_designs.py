"""Which order, which estimator and which rule to stop? The candidates, on simulated machines.

    python -m edgebench.benchmarks.proof.prove_designs [--runs 500]

Prints four tables. Unlike `prove_statistics`, which puts the product itself to the proof, this
compares what it could be made of, at the time scale of single inferences.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from edgebench import arguments
from edgebench.benchmarks.gate.run_checks import GATE, depends_on_speed
from edgebench.benchmarks.proof.designs import (
    CENTRES,
    CHOSEN,
    DESIGNS,
    OVERHEADS,
    VISITS,
    Quality,
    quality,
    simulate,
    visits_level,
)
from edgebench.benchmarks.proof.stopping import THRESHOLD, TRUTHS, stopped
from edgebench.benchmarks.statistics.local_pairs import SURE, level
from edgebench.deploy.transports.simulated.scenarios import SCENARIOS

ITSELF, HEAVIER = 1, 2
LIMIT = next(one.threshold for one in GATE if one.find is depends_on_speed)
MACHINES = [one for one in SCENARIOS.values() if not one.name.endswith("silent")]
"""What a machine tells of itself is no matter here."""

STOPPING = ("process-bias", "bursts", "hiccups")
SEED = 0


def main(options: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m edgebench.benchmarks.proof.prove_designs")
    parser.add_argument("--runs", type=arguments.positive, default=500, help="runs a row")
    runs: int = parser.parse_args(options).runs
    for lines in (_orders(runs), _centres(runs), _biases(runs), _rules(runs)):
        for line in lines:
            print(line, flush=True)
    return 0


def _orders(runs: int) -> Iterator[str]:
    heavier = f"{OVERHEADS[HEAVIER]:.0%}"
    yield f"{runs} simulated runs a row, of 30 to 45 s, of the baseline against itself and of a"
    yield f"model with {heavier} more: how often (%) the 95 % interval holds the truth, its median"
    yield "half-width and its bias in points. Then, for the baseline against itself, how many times"
    yield "as long the first design, which was edgebench's, takes to the same half-width."
    yield ""
    yield "".ljust(42) + "against itself".ljust(22) + "heavier model".ljust(22) + "time"
    for machine in MACHINES:
        yield f"\n{machine.name}: {machine.description}"
        first: Quality | None = None
        for design in DESIGNS:
            found = simulate(machine, design, runs, SEED)
            rows = []
            for model in (ITSELF, HEAVIER):
                levels = (
                    visits_level(design)(found, model)
                    if design is VISITS
                    else level(found.ratios(model))
                )
                rows.append(quality(levels, np.log1p(OVERHEADS[model]), found.seconds))
            first = first or rows[0]
            factor = f"{rows[0].times_faster(first):6.1f}"
            yield "  " + design.name.ljust(40) + "".join(map(_cell, rows)) + factor


def _centres(runs: int) -> Iterator[str]:
    yield ""
    yield f"The centre of a process's pairs in the design '{CHOSEN.name}',"
    yield "for the heavier model: coverage, half-width and bias as above."
    yield ""
    yield "".ljust(20) + "".join(name.ljust(22) for name in CENTRES).rstrip()
    for machine in MACHINES:
        found = simulate(machine, CHOSEN, runs, SEED)
        ratios = found.ratios(HEAVIER)
        truth = np.log1p(OVERHEADS[HEAVIER])
        cells = [_cell(quality(of(ratios), truth, found.seconds)) for of in CENTRES.values()]
        yield machine.name.ljust(20) + "".join(cells).rstrip()


def _biases(runs: int) -> Iterator[str]:
    limit = LIMIT * THRESHOLD
    yield ""
    yield "The check for bias in the same design: how much (points, median) the ratio is larger"
    yield f"than in the machine's fastest moments, how often (%) surely by more than {limit:.2%},"
    yield "and the true bias."
    yield ""
    yield "".ljust(20) + "against itself".ljust(16) + "heavier model".ljust(16) + "its bias"
    for machine in MACHINES:
        found = simulate(machine, CHOSEN, runs, SEED)
        cells = ""
        for model in (ITSELF, HEAVIER):
            by, error = found.dependence(model).T
            beyond = np.mean(np.abs(by) > np.maximum(limit, SURE * error)) * 100
            cells += f"{np.median(by) * 100:+6.2f} {beyond:5.1f}".ljust(16)
        truth = np.log1p(OVERHEADS[HEAVIER])
        bias = quality(level(found.ratios(HEAVIER)), truth, found.seconds).bias
        yield machine.name.ljust(20) + cells + f"{bias * 100:+6.2f}"


def _cell(found: Quality) -> str:
    width, bias = found.half_width * 100, found.bias * 100
    return f"{found.coverage * 100:5.1f} {width:5.2f} {bias:+6.2f}".ljust(22)


def _rules(runs: int) -> Iterator[str]:
    yield ""
    threshold = f"{THRESHOLD:.0%}"
    yield f"Runs that are judged against {threshold} after every second process and stop with a"
    yield "verdict. By true overhead: how often (%) the claim is supported and refuted, how often"
    yield "the interval then holds the truth, and the median time to the verdict in seconds."
    yield ""
    yield "".ljust(24) + "".join(f"{truth:.0%}".ljust(22) for truth in TRUTHS).rstrip()
    for name in STOPPING:
        yield f"\n{name}"
        for rule, answers in stopped(SCENARIOS[name], runs, SEED).items():
            cells = "".join(
                f"{one.supported * 100:5.1f} {one.refuted * 100:5.1f} "
                f"{one.coverage * 100:3.0f} {one.seconds:3.0f}".ljust(22)
                for one in answers.values()
            )
            yield "  " + rule.ljust(22) + cells.rstrip()


if __name__ == "__main__":
    sys.exit(main())
