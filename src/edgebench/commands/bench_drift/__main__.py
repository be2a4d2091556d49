"""Whose int8 loses least, and at which latency?

    python -m edgebench.commands.bench_drift [MODEL ...] [--to FORMAT:PRECISION,...] [--data DATA]
                                             [--input-shape SHAPE] [--ai-edge PYTHON] [--alone]

Every tool gets the same graph, the same calibration data and, where it has a budget of accuracy,
the same images to decide by. All files are judged on other images: the signal-to-noise ratio of the
file in exact arithmetic and of this processor's kernels, the images that are answered alike, and
the paired difference of the task's figure, with their 95 % intervals. Then the files of a model and
format are timed in one interleaved run with the float32 file.

Beside edgebench's int8, plain and with an accuracy budget: ONNX Runtime's quantiser, NNCF and its
accuracy control with their own defaults, and ai-edge-quantizer in the Python of an environment that
has it. With --alone none of them, for a table of many models. Files and figures are kept in --out,
and what is known is not done again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from edgebench import arguments, console
from edgebench.commands.bench_drift import latency
from edgebench.commands.bench_drift.contest import FLOAT, Bench, ContestRules
from edgebench.commands.bench_drift.entry import BenchEntry
from edgebench.commands.bench_drift.latency import Timed
from edgebench.commands.common import source_options
from edgebench.commands.common.source_options import SourceOptions
from edgebench.converters.mending.budget import Budget
from edgebench.converters.targets import expand
from edgebench.errors import EdgeBenchError
from edgebench.estimate import Estimate

COMMAND = "python -m edgebench.commands.bench_drift"


@dataclass(frozen=True, kw_only=True)
class BenchDriftOptions(SourceOptions):
    """What is compared on what, and where files go; see the options' help."""

    source: tuple[str, ...] = ("scenes_v2_ca",)
    to: tuple[str, ...] = ("tflite:int8", "onnx:int8", "openvino:int8")
    accuracy_budget: Budget = field(default_factory=lambda: Budget(0.005))
    images: int = 400
    limit: float = 300.0
    time: float = 30.0
    no_time: bool = False
    ai_edge: Path | None = None
    alone: bool = False
    json: bool = False
    out: Path = Path("artifacts/drift")


def main(words: Sequence[str] | None = None) -> int:
    """Compare, time, print. Exit code 1 where a file could not be made."""
    options = _options(words)
    rules = ContestRules(
        options.accuracy_budget, options.images, options.limit, options.ai_edge, options.alone
    )
    failed, kept = False, []
    try:
        targets, _ = expand(options.to)
        for model in options.source:
            request = source_options.request(options, model, targets)
            found: list[tuple[BenchEntry, Timed | None]] = []
            for target in targets:
                with console.shown_progress() as progress:
                    bench = Bench(request, target, rules, progress)
                    entries = list(bench.entries())
                    times: Mapping[str, Timed] = {}
                    if not options.no_time:
                        times = latency.measure(bench.contest, entries, options.time, progress)
                found += [(one, times.get(one.tool)) for one in entries]
            if options.json:
                kept += [_as_json(*pair) for pair in found]
            else:
                _show(model, found)
            failed |= any(entry.failure for entry, _ in found)
    except EdgeBenchError as error:
        console.explain(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.say("interrupted; the same command goes on with what is left")
        return 130
    if options.json:
        print(json.dumps(kept, indent=1))
    elif not options.no_time:
        print(f"time: of the float32 file, on one thread of {latency.processor()}")
    return int(failed)


def _show(model: str, found: Sequence[tuple[BenchEntry, Timed | None]]) -> None:
    figure = next((entry.figure for entry, _ in found if entry.figure), None)
    images = max((entry.images for entry, _ in found), default=0)
    print(f"{model}, {images} images" + (f", change of {figure} in points" if figure else ""))
    table = console.table("tool", ">dB", ">here", ">alike, %", ">change", ">time")
    target = ""
    for entry, timed in found:
        if entry.target != target:
            target = entry.target
            table.add_row(target)
        if entry.failure is not None:
            table.add_row(f"  {entry.tool}", "-", "-", "-", "-", "-")
            continue
        table.add_row(
            f"  {entry.tool}",
            _db(entry.snr_db),
            _db(entry.kernels_db),
            _in_brackets(entry.agreement, 100, ""),
            _in_brackets(entry.difference, 100, "+"),
            "1" if entry.tool == FLOAT else _times(timed),
        )
    console.show(table)
    for entry, _ in found:
        said = entry.failure or entry.note
        if said:
            print(f"{entry.target} {entry.tool}: {said} ({entry.made_s:.0f} s)")


def _db(snr_db: float | None) -> str:
    return "exact" if snr_db is None else f"{snr_db:.1f}"


def _in_brackets(value: Estimate | None, factor: float, sign: str) -> str:
    if value is None:
        return "-"
    middle, low, high = (factor * one for one in (value.value, value.low, value.high))
    return f"{middle:{sign}.1f} [{low:.1f}, {high:.1f}]"


def _times(timed: Timed | None) -> str:
    if timed is None:
        return "-"
    return f"{timed.ratio:.2f} [{timed.low:.2f}, {timed.high:.2f}]"


def _as_json(entry: BenchEntry, timed: Timed | None) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(entry)
    found["time"] = msgspec.to_builtins(timed)
    return found


def _options(words: Sequence[str] | None) -> BenchDriftOptions:
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").partition("\n")[0])
    add = arguments.adder(parser, BenchDriftOptions)
    add("source", nargs="*", metavar="MODEL", help=source_options.MODEL)
    source_options.add_target(add)
    help_ = "for the tools that have one (default: 0.5%%)"
    add("--accuracy-budget", type=source_options.budget, metavar="0.5%|20dB", help=help_)
    add("--images", type=arguments.positive, metavar="N", help="half decide, half are judged on")
    help_ = "time after which a search is stopped, ours and NNCF's accuracy control"
    add("--limit", type=arguments.seconds, metavar="300s", help=help_)
    help_ = "time to measure the files of one model and format for"
    add("--time", type=arguments.seconds, metavar="30s", help=help_)
    add("--no-time", action="store_true", help="measure no latency")
    help_ = "the Python of an environment with ai-edge-quantizer"
    add("--ai-edge", type=Path, metavar="PYTHON", help=help_)
    add("--alone", action="store_true", help="no tools but edgebench")
    add("--json", action="store_true", help="print all figures as JSON")
    add("--out", type=Path, metavar="DIR", help="folder for files and figures")
    source_options.add_model(parser, BenchDriftOptions)
    source_options.add_data(parser, BenchDriftOptions)
    given = parser.parse_args(words)
    shapes = arguments.shapes(given.input_shape)
    return arguments.read(BenchDriftOptions, given, input_shapes=shapes, command_line=COMMAND)


if __name__ == "__main__":
    sys.exit(main())
