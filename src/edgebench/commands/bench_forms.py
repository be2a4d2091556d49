"""What does each graph pass buy, on this machine?

    python -m edgebench.commands.bench_forms [MODEL] [--to FORMAT:PRECISION ...] [--budget 420s]

For each target the model is exported in its full form, plain, and once without each pass that
changed something, and all of them are measured with the baseline in one interleaved run. Printed
are the ratios of the times with their 95 % intervals: plain over full, and without a pass over
full, each from the processes that measured both; and the overhead over the baseline. Above 1 the
pass pays.

Exports that are up to date are not repeated, and a run that was interrupted is gone on with.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgebench import arguments, console
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.results.comparison import Comparison, ModelRow
from edgebench.benchmarks.runs import run as runs
from edgebench.benchmarks.statistics.looks import fewest_processes
from edgebench.benchmarks.statistics.paired import Overhead, overhead
from edgebench.converters.artifact import Artifact
from edgebench.converters.export.export import export_many
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.targets import Target, parse
from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT
from edgebench.deploy.registry import devices
from edgebench.documents import load
from edgebench.errors import EdgeBenchError
from edgebench.models import registry
from edgebench.progress import Progress

TARGETS = (
    *("tflite:fp32", "tflite:int8", "openvino:fp32", "openvino:int8"),
    *("onnx:fp32", "onnx:int8"),
)
COMMAND = "python -m edgebench.commands.bench_forms"


@dataclass(frozen=True)
class BenchOptions:
    """The model, its targets, how long to measure, and where files go."""

    model: str = "mobilenet_v2_ca"
    to: tuple[str, ...] = TARGETS
    budget: float = 420.0
    artifacts: Path = Path("artifacts/forms")
    runs: Path = Path("runs/forms")
    jobs: int = 2


@dataclass(frozen=True)
class Forms:
    """One target's forms of a model, by the name of what each lacks: "" is the full form."""

    target: Target
    full: Artifact
    lacking: dict[str, Artifact]


def export_forms(
    model: str, targets: Sequence[Target], out: Path, jobs: int, progress: Progress
) -> list[Forms]:
    """Export the baseline, the full forms, and those that lack something. Raises as `export`."""
    baseline = registry.get(model).baseline
    requests = [ExportRequest(name, tuple(targets), out, command=COMMAND) for name in (baseline,)]
    requests.append(ExportRequest(model, tuple(targets), out, command=COMMAND))
    _, full = export_many(requests, jobs, progress)
    made = dict(zip(targets, full.artifacts, strict=True))
    wanted: dict[str, list[Target]] = {}
    for target, artifact in made.items():
        passes = artifact.manifest.passes
        # Where there is one pass, the plain form is the one without it.
        for name in ("plain", *(passes if len(passes) > 1 else ())) if passes else ():
            wanted.setdefault(name, []).append(target)
    variants = export_many(
        [
            ExportRequest(
                model,
                tuple(of),
                out,
                plain=name == "plain",
                without_passes=() if name == "plain" else (name,),
                command=COMMAND,
            )
            for name, of in wanted.items()
        ],
        jobs,
        progress,
    )
    lacking: dict[Target, dict[str, Artifact]] = {target: {} for target in targets}
    for (name, of), export in zip(wanted.items(), variants, strict=True):
        for target, artifact in zip(of, export.artifacts, strict=True):
            lacking[target][name] = artifact
    return [Forms(target, made[target], lacking[target]) for target in targets]


def measure(
    forms: Forms, device: Device, artifacts: Path, out: Path, budget_s: float, progress: Progress
) -> tuple[Comparison, RunResult]:
    """One run of a target's forms; an interrupted one is gone on with. Raises as `runs.run`."""
    out = out / str(forms.target).replace(":", "-")
    models = [one.manifest.model for one in (forms.full, *forms.lacking.values())]
    request = RunRequest(
        artifacts=str(artifacts),
        device=device.name,
        models=tuple(models),
        formats=(forms.target.format,),
        precisions=(forms.target.precision,),
        budget_s=budget_s,
        whole_budget=True,
        out=str(out),
    )
    folder = _unfinished(out, device, request) or runs.prepare(request, device, progress)
    comparison = runs.carry_out(folder, device, progress, COMMAND)
    return comparison, load(folder / RESULT, RunResult)


def _unfinished(out: Path, device: Device, request: RunRequest) -> Path | None:
    """The newest run of the same request and the same files, if it was not carried to its end."""
    if not any(out.glob(f"*-{device.name}/{run_folder.DRAFT}")):
        return None
    folder = run_folder.latest(out, device.name)
    if load(folder / run_folder.REQUEST, RunRequest) != request:
        return None
    if not (folder / run_folder.COMPARISON).exists():
        return folder
    return folder if load(folder / run_folder.COMPARISON, Comparison).interrupted else None


def rows(
    forms: Forms, comparison: Comparison, result: RunResult, baseline: str
) -> Iterable[tuple[str, ...]]:
    """The cells of a target's table."""
    (group,) = comparison.groups
    by_model = {row.model: row for row in group.rows}
    full, base = by_model[forms.full.manifest.model], by_model[baseline]
    yield str(forms.target), "full form", "", _percent(_ratio(full, base))
    for name, artifact in forms.lacking.items():
        row = by_model[artifact.manifest.model]
        yield (
            "",
            "plain" if name == "plain" else f"without {name}",
            _times(_ratio(row, full)),
            _percent(_ratio(row, base)),
        )


def _ratio(row: ModelRow, other: ModelRow) -> Overhead | None:
    """None where a form did not run, or too few processes measured both."""
    levels = min(len(row.levels_s), len(other.levels_s))
    if levels < fewest_processes():
        return None
    return overhead(np.log(row.levels_s[:levels]) - np.log(other.levels_s[:levels]))


def _times(found: Overhead | None) -> str:
    if found is None:
        return "not measured"
    low, high = 1 + found.interval.low, 1 + found.interval.high
    return f"{1 + found.value:.3f} [{low:.3f}, {high:.3f}]"


def _percent(found: Overhead | None) -> str:
    if found is None:
        return "not measured"
    low, high = found.interval.low, found.interval.high
    return f"{found.value:+.1%} [{low:+.1%}, {high:+.1%}]"


def main(words: Sequence[str] | None = None) -> int:
    """Export, measure, print. Exit code 1 where something failed."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    add = arguments.adder(parser, BenchOptions)
    add("model", nargs="?", help="a model of the zoo")
    add("--to", action="append", metavar="FORMAT:PRECISION", help="may be repeated")
    add("--budget", type=arguments.seconds, help="seconds of measuring")
    add("--artifacts", type=Path, metavar="DIR", help="folder for the artifacts")
    add("--runs", type=Path, metavar="DIR", help="folder for the runs")
    add("--jobs", type=arguments.positive, metavar="N", help="parallel exports")
    options = arguments.read(BenchOptions, parser.parse_args(words))
    try:
        targets = [parse(text) for text in dict.fromkeys(options.to)]
        return _bench(options, targets)
    except EdgeBenchError as error:
        console.explain(error)
        return 1
    except KeyboardInterrupt:
        console.say("interrupted; the same command goes on with what is left")
        return 130


def _bench(options: BenchOptions, targets: Sequence[Target]) -> int:
    """A target that cannot be measured does not take the others with it."""
    device = devices.get("local")
    baseline = registry.get(options.model).baseline
    with console.shown_progress() as progress:
        every = export_forms(options.model, targets, options.artifacts, options.jobs, progress)
    slots = sum(2 + len(forms.lacking) for forms in every)
    table = console.table("target", "form", ">time / full form", f">over {baseline}")
    failed = 0
    for forms in every:
        share_s = options.budget * (2 + len(forms.lacking)) / slots
        try:
            with console.shown_progress() as progress:
                comparison, result = measure(
                    forms, device, options.artifacts, options.runs, share_s, progress
                )
        except EdgeBenchError as error:
            console.say(f"{forms.target} was not measured:")
            console.explain(error)
            failed = 1
            continue
        for cells in rows(forms, comparison, result, baseline):
            table.add_row(*cells)
    console.show(table)
    return failed


if __name__ == "__main__":
    sys.exit(main())
