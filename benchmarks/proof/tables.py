"""The tables of the proof, line by line."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.benchmarks.proof.methods import METHODS
from edgebench.benchmarks.proof.tally import QUESTIONS, Figure, State
from edgebench.benchmarks.proof.trial import LATENCY_S, Answer, machine

SEVERAL = "four models"

NAME_WIDTH, FIGURE_WIDTH = 18, 19
MARKS: dict[State, str] = {
    "not asked": "",
    "kept": "\N{CHECK MARK}",
    "open": "?",
    "broken": "\N{BALLOT X}",
}

PEERS_EXPLAINED = (
    "mean of N: for the same time, one model after the other in one process; Welch's interval.",
    "50 runs: after one warm-up, each model in a process of its own; Welch's interval.",
    "unpaired medians: for the same time, a process each; interval of the ratio of medians.",
    "None of them withholds anything.",
)


@dataclass(frozen=True)
class MethodRow:
    """The answers to the questions, and how long a run took (median), None if it was not timed."""

    figures: tuple[Figure, ...]
    seconds: float | None


Rows = dict[tuple[str, str], MethodRow]
"""By scenario and method."""

Intervals = dict[tuple[str, int, int, str, str], list[Answer]]
"""By scenario, processes, blocks, unit and method."""


def proof_table(rows: Rows, runs: int, budget_s: float) -> list[str]:
    """The table, line by line, within 100 columns."""
    lines = [
        f"{runs} simulated runs a scenario, of {budget_s:.0f} s at most, of a baseline of "
        f"{LATENCY_S * 1e3:.0f} ms,",
        "with a threshold of 5 %. Per cent of runs [95 % interval], and whether a bound is kept:",
        "false alarms at most 5; coverage 93 to 97.5 in the whole budget, 93 or more if it stops",
        "once verdicts are clear; a 3 % overhead found in the whole budget at least 95, or 90",
        "where other work comes and goes; withheld at most 5, or 10. Where the machine hits one",
        "model more, withheld is of the runs that are off by more than half of the threshold, and",
        "at least 95. Then the median seconds of a run.",
        "",
        "".ljust(NAME_WIDTH + 2)
        + "".join(one.ljust(FIGURE_WIDTH) for one in QUESTIONS)
        + "s".rjust(3),
    ]
    said = ""
    for (scenario, method), row in rows.items():
        if scenario == SEVERAL:
            title = "four models that cost nothing, in one run (process-bias)"
        else:
            title = f"{scenario}: {machine(scenario, 0).description}"
        if title != said:
            lines += ["", title]
        said = title
        cells = "".join(map(_cell, row.figures)).ljust(FIGURE_WIDTH * len(QUESTIONS))
        seconds = "" if row.seconds is None else f"{row.seconds:3.0f}"
        lines.append("  " + method.ljust(NAME_WIDTH) + (cells + seconds).rstrip())
    lines += ["", *PEERS_EXPLAINED]
    states = Counter(one.state for row in rows.values() for one in row.figures)
    del states["not asked"]
    lines += [
        "",
        f"Of {states.total()} bounds {states['kept']} are kept ({MARKS['kept']}), "
        f"{states['broken']} broken ({MARKS['broken']}), and {states['open']} open "
        f"({MARKS['open']}: beyond it, but not by more than chance).",
    ]
    return lines


def _cell(figure: Figure) -> str:
    if figure.share is None:
        return "    -".ljust(FIGURE_WIDTH)
    value, low, high = map(_per_cent, (figure.share.value, figure.share.low, figure.share.high))
    return f"{value:>5} [{low},{high}] {MARKS[figure.state]}".ljust(FIGURE_WIDTH)


def _per_cent(share: float) -> str:
    return "100" if share > 0.9995 else f"{share * 100:.1f}"


def interval_table(found: Intervals, runs: int) -> list[str]:
    """Coverage and median width of every kind of interval, in per cent."""
    lines = [
        f"{runs} simulated runs a scenario: how often (%) a 95 % interval holds the truth, and its",
        "median width in points. Blocks in processes.",
        "",
        "".ljust(30) + "".join(name.rjust(12).ljust(16) for name in METHODS).rstrip(),
    ]
    rows: dict[tuple[str, int, int, str], dict[str, list[Answer]]] = defaultdict(dict)
    for (scenario, processes, blocks, unit, method), answers in found.items():
        rows[scenario, processes, blocks, unit][method] = answers
    said = ""
    for (scenario, processes, blocks, unit), by_method in rows.items():
        if scenario != said:
            lines += ["", scenario]
            said = scenario
        over = "" if processes == blocks else f", over {unit}"
        cells = "".join(_interval_cell(by_method[name]) for name in METHODS)
        lines.append(f"  {blocks} in {processes}{over}".ljust(30) + cells.rstrip())
    return lines


def _interval_cell(answers: Sequence[Answer]) -> str:
    covered = np.mean([one.covers for one in answers])
    ends = [one.interval for one in answers if one.interval is not None]
    width = np.median([one.high - one.low for one in ends])
    return f"{covered * 100:5.1f} {width * 100:6.2f}".ljust(16)
