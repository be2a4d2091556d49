"""How often is each method wrong on this machine, while other work comes and goes?

    python -m edgebench.benchmarks.proof.prove_here [--runs 40] [--cores 1] [--load work]

Every run measures MobileNetV2 in one precision against itself, where any difference found is an
error, and against a network with 3.65 % more of the same work, while other processes load one core
or more at random: with work for seconds, with bursts of it, or by copying memory. It uses
edgebench's method, the design that it had before, and three common ones, one after the other. 40
runs of two precisions take about an hour on two cores; finished runs are kept in --out, and the
same command continues where it stopped.
"""

from __future__ import annotations

import argparse
import itertools
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from edgebench import arguments, console
from edgebench.benchmarks.proof.load import KINDS, Load
from edgebench.benchmarks.proof.real_trial import (
    BASELINE,
    FORCED,
    HEAVIER,
    OURS,
    PEERS,
    VISITS,
    MethodResult,
    RealTrial,
    request_of,
    trial,
)
from edgebench.deploy.transports.local import LocalDevice
from edgebench.errors import DataError, EdgeBenchError
from edgebench.intervals import Interval, proportion

BUDGET_S = 60.0
METHODS = (OURS, FORCED, VISITS, *(peer.name for peer in PEERS))

Question = Callable[[MethodResult], bool]
QUESTIONS: dict[str, Question] = {
    "A/A wrong": lambda one: not one.withheld and _differs(one.itself),
    "4 % found": lambda one: not one.withheld and one.heavier is not None and one.heavier.low > 0,
    "withheld": lambda one: one.withheld is not None,
}


def main(arguments_: Sequence[str] | None = None) -> int:
    """Carry out the runs that are left to do, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m edgebench.benchmarks.proof.prove_here")
    parser.add_argument("--runs", type=arguments.positive, default=40)
    parser.add_argument("--precisions", type=arguments.names, default=("fp32", "int8"))
    parser.add_argument("--budget", type=arguments.seconds, default=BUDGET_S)
    parser.add_argument("--cores", type=arguments.positive, default=1, help="cores under load")
    parser.add_argument("--load", choices=KINDS, default="work", help="what loads them")
    parser.add_argument("--out", type=Path, default=Path("runs/prove-here"))
    options = parser.parse_args(arguments_)
    load = Load(options.load, options.cores)
    try:
        with console.shown_progress() as progress:
            artifacts = _artifacts(options.out, options.precisions)
            trials = []
            # The precisions in turn, so that an interrupted proof has about as many runs of each.
            planned = list(itertools.product(range(options.runs), options.precisions))
            for done, (number, precision) in enumerate(planned):
                progress("runs", done, len(planned))
                request = request_of(artifacts, precision, options.budget, number)
                folder = options.out / f"{load.kind}-{load.cores}" / precision / f"{number:03d}"
                trials.append(trial(folder, request, LocalDevice(), progress, load))
            progress("runs", len(planned), len(planned))
    except EdgeBenchError as error:
        console.explain(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.say("interrupted; the same command goes on where this stopped")
        return 130
    print("\n".join(table(trials, options.precisions, load)))
    return 0


def _artifacts(out: Path, precisions: Sequence[str]) -> Path:
    """The folder of both models' artifacts, exported where they are missing."""
    folder = out / "artifacts"
    targets = [word for one in precisions for word in ("--to", f"tflite:{one}")]
    words = ("export", BASELINE, HEAVIER, *targets, "--out", str(folder))
    done = subprocess.run(
        [sys.executable, "-m", "edgebench.cli", *words], stdout=subprocess.DEVNULL
    )
    if done.returncode:
        raise DataError(f"edgebench {shlex.join(words)} failed", "see its output above")
    return folder


def table(trials: Sequence[RealTrial], precisions: Sequence[str], load: Load) -> list[str]:
    """The answers in per cent of runs with their binomial 95 % intervals, line by line."""
    lines = [
        f"Runs on this machine, {load.cores} of its cores under a random load: {load.kind}.",
        "Per cent of runs [95 % interval]. A/A wrong: a difference is claimed where there is none.",
        "4 % found: the network with 3.65 % more of the same work is called slower. Off by: how",
        "far A/A is from none, at the 90th percentile of the runs. s: the median time of a run.",
    ]
    for precision in precisions:
        by_method = {
            method: [
                one
                for run in trials
                for one in run.said
                if (one.precision, one.method) == (precision, method)
            ]
            for method in METHODS
        }
        title = f"{precision}, {len(by_method[OURS])} runs"
        lines += ["", f"{title:<28}" + "".join(f"{one:<17}" for one in QUESTIONS) + "off by   s"]
        for method, said in by_method.items():
            cells = [
                f"{_share([question(one) for one in said]):<17}" for question in QUESTIONS.values()
            ]
            lines.append(f"  {method:<26}" + "".join(cells) + _off_by(said) + _seconds(said))
        lines += _times_faster(by_method[OURS], by_method[VISITS])
    return lines


def _times_faster(ours: Sequence[MethodResult], visits: Sequence[MethodResult]) -> list[str]:
    """How much less time the finer design needs for the same half-width, run by run."""
    found = [
        (old.half_width / new.half_width) ** 2 * old.measuring_s / new.measuring_s
        for new, old in zip(ours, visits, strict=True)
        if new.half_width and new.measuring_s and old.half_width and old.measuring_s
    ]
    if not found:
        return []
    low, middle, high = np.quantile(found, (0.25, 0.5, 0.75))
    clear = sum(one.decided for one in ours)
    return [
        f"  to the same half-width {VISITS} takes {middle:.1f} times as long "
        f"(half of the runs: {low:.1f} to {high:.1f});",
        f"  the verdicts of {clear} of {len(ours)} runs were clear.",
    ]


def _differs(interval: Interval | None) -> bool:
    return interval is not None and not interval.low <= 0 <= interval.high


def _share(hits: Sequence[bool]) -> str:
    if not hits:  # Runs that are kept were of other precisions.
        return "-"
    found = proportion(np.array(hits))
    return f"{found.value * 100:.0f} [{found.low * 100:.0f}, {found.high * 100:.0f}]"


def _off_by(said: Sequence[MethodResult]) -> str:
    middles = [abs(one.itself.low + one.itself.high) / 2 for one in said if one.itself]
    return f"{np.quantile(middles, 0.9) * 100:.1f} %".ljust(9) if middles else "-".ljust(9)


def _seconds(said: Sequence[MethodResult]) -> str:
    seconds = [one.seconds for one in said if one.seconds is not None]
    return f"{np.median(seconds):.0f}" if seconds else ""


if __name__ == "__main__":
    sys.exit(main())
