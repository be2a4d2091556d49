"""The files of one model and format, timed in one interleaved run with the float32 file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebench import console
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.runs import run as runs
from edgebench.commands.bench_drift.contest import FLOAT
from edgebench.commands.bench_drift.entry import BenchEntry, Contest
from edgebench.content import read_content, write_content
from edgebench.deploy.registry import devices
from edgebench.deploy.runner.machine import cpu_model
from edgebench.errors import EdgeBenchError
from edgebench.progress import Progress


@dataclass(frozen=True)
class Timed:
    """The time of an inference beside that of the float32 file, with the 95 % interval."""

    ratio: float
    low: float
    high: float


def processor() -> str:
    """The name of this machine's."""
    return cpu_model() or "this processor"


def measure(
    contest: Contest, entries: Sequence[BenchEntry], budget_s: float, progress: Progress
) -> Mapping[str, Timed]:
    """The ratio of each tool's file, by tool; none where nothing could be timed."""
    there = [one.tool for one in entries if one.failure is None]
    if FLOAT not in there or len(there) < 2:
        return {}
    with tempfile.TemporaryDirectory(prefix="edgebench-") as name:
        folder = Path(name, "files")
        folder.mkdir()
        for tool in there:
            file = contest.file(tool)
            write_content(folder / file.name, read_content(file))
        device = devices.get("local")
        request = RunRequest(
            artifacts=str(folder),
            baseline=FLOAT,
            budget_s=budget_s,
            whole_budget=True,
            out=str(Path(name, "runs")),
        )
        try:
            prepared = runs.prepare(request, device, progress)
            comparison = runs.carry_out(prepared, device, progress, "bench_drift")
        except EdgeBenchError as error:
            console.say("the files could not be timed:")
            console.explain(error)
            return {}
    return {
        row.model: Timed(
            1 + row.overhead.value,
            1 + row.overhead.interval.low,
            1 + row.overhead.interval.high,
        )
        for group in comparison.groups
        for row in group.rows
        if row.overhead is not None and not row.against_itself
    }
