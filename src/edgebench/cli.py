"""The command line: parse, build, run, report; one catch of one error type.

Results go to stdout and talk goes to stderr. Whatever is heavy is imported inside the command
that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import __version__
from edgebench.errors import EdgeBenchError, MissingExtraError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from rich.progress import TaskID
    from rich.table import Table

    from edgebench.converters.export import ExportRequest
    from edgebench.models.registry import ModelSpec
    from edgebench.progress import Progress

INTERRUPTED = 130

DEFAULT_MODELS = "mobilenet_v2,mobilenet_v2_se,mobilenet_v2_ca,scenes_v2,scenes_v2_se,scenes_v2_ca"

EPILOG = """\
examples:
  edgebench --device local                        the default models, on this machine
  edgebench --device local --models mobilenet_v2_ca --precisions int8 --threshold 3%
  edgebench export mobilenet_v2_ca --to tflite:int8 --to onnx
  edgebench export my_model.onnx --to tflite:int8 --calibration photos/
  edgebench models                                what the zoo holds
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (0 done, 1 failed, 2 usage, 3 no verdict)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser, commands = _parser()
    if not words:
        parser.print_help()
        return 0
    if words[0].startswith("-") and words[0] not in ("-h", "--help", "--version"):
        words.insert(0, "run")
    elif words[0].isidentifier() and words[0] not in commands:
        return _explain(UnknownNameError("command", words[0], commands))
    options = parser.parse_args(words)
    options.command_line = shlex.join(["edgebench", *words])
    try:
        return commands[options.command](options)
    except EdgeBenchError as error:
        return _explain(error)
    except KeyboardInterrupt:
        print("edgebench: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has left; that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _explain(error: EdgeBenchError) -> int:
    print(f"edgebench: {error.message}", file=sys.stderr)
    if error.remedy:
        print(f"  -> {error.remedy}", file=sys.stderr)
    return error.exit_code


Command = Callable[[argparse.Namespace], int]


def _parser() -> tuple[argparse.ArgumentParser, dict[str, Command]]:
    parser = argparse.ArgumentParser(
        prog="edgebench",
        description="What attention in mobile networks really costs, measured on the device.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"edgebench {__version__}")
    added = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands: dict[str, Command] = {}

    def add(name: str, help_: str, command: Command) -> argparse.ArgumentParser:
        commands[name] = command
        return added.add_parser(
            name,
            help=help_,
            description=help_[0].upper() + help_[1:] + ".",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )

    _add_run(add("run", "measure models against their baseline (the default command)", _run))
    _add_export(add("export", "export a model or an ONNX file to a device format", _export))
    _add_report(add("report", "show a finished run again, or write it as HTML", _report))
    models = add("models", "list the models of the zoo", _models)
    models.add_argument("--json", action="store_true", help="print JSON")
    devices = add("devices", "list the devices", _devices)
    devices.add_argument("--json", action="store_true", help="print JSON")
    _add_train(add("train", "train a model", _train))
    return parser, commands


# run ------------------------------------------------------------------------------------------


def _add_run(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--device", default="local", metavar="NAME", help="the device to measure on")
    add(
        "--models",
        type=_names,
        default=DEFAULT_MODELS,
        metavar="A,B",
        help="models of the zoo; the baselines that they need are added",
    )
    add("--baseline", metavar="NAME", help="compare with this model instead of their own baseline")
    add("--formats", type=_names, default="tflite", metavar="F,G", help="formats")
    add("--precisions", type=_names, default="fp32,fp16,int8", metavar="P,Q", help="precisions")
    add("--threshold", type=_fraction, default="5%", help="overhead that counts as none")
    add("--budget", type=_seconds, default="60s", help="time to spend on measuring")
    add("--threads", type=_positive, default=1, metavar="N", help="threads of the runtime")
    add("--cores", type=_cores, metavar="0,1", help="pin to these cores")
    add("--seed", type=int, default=0, help="of the order of the blocks")
    add("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help="artifacts")
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs are kept")
    add("--resume", nargs="?", const="", metavar="RUN", help="go on with this or the last run")
    _add_outputs(parser)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    for kind in ("json", "md", "html"):
        parser.add_argument(
            f"--{kind}", nargs="?", const="-", metavar="PATH", help=f"write {kind} (- for stdout)"
        )


def _run(options: argparse.Namespace) -> int:
    raise UsageError("run is being wired")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", default="", metavar="RUN", help="a run (default: last)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="its folder")
    _add_outputs(parser)


def _report(options: argparse.Namespace) -> int:
    raise UsageError("report is being wired")


# export ---------------------------------------------------------------------------------------


def _add_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", nargs="+", metavar="MODEL|FILE.onnx", help="models of the zoo or ONNX files")
    add("--to", action="append", metavar="FORMAT[:PRECISION]", help="a target; may be repeated")
    add("--out", type=Path, default=Path("artifacts"), metavar="DIR", help="where artifacts go")
    add("--weights", type=Path, metavar="FILE", help="trained weights (.safetensors or .pth)")
    add("--calibration", metavar="DIR|NAME", help="images that set the int8 ranges")
    add("--input-shape", action="append", metavar="[NAME=]1,3,224,224", help="fix the input shape")
    add("--mean", type=_floats, metavar="R,G,B", help="of the input, 0..1")
    add("--std", type=_floats, metavar="R,G,B", help="of the input, 0..1")
    add("--labels", type=Path, metavar="FILE", help="class names, one a line")
    add("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="at once")
    add("--force", action="store_true", help="export also what is up to date")
    add("--json", action="store_true", help="print the manifests as JSON")


def _export(options: argparse.Namespace) -> int:
    raise UsageError("export is being wired")


# models, devices ------------------------------------------------------------------------------


def _models(options: argparse.Namespace) -> int:
    from edgebench.models import manifest
    from edgebench.models.registry import MODELS

    checkpoints = {
        name: manifest.of(weights)
        for name, spec in MODELS.items()
        if spec.checkpoint and (weights := manifest.shipped(spec.checkpoint))
    }
    if options.json:
        rows = [
            asdict(spec)
            | {"note": spec.note}
            | {"trained": asdict(found) if (found := checkpoints.get(name)) else None}
            for name, spec in MODELS.items()
        ]
        print(json.dumps(rows, indent=1))
        return 0
    table = _table("model", "attention", ">px", ">params", ">MAdds", ">published", ">trained")
    for name, spec in MODELS.items():
        found = checkpoints.get(name)
        attention = (
            spec.attention if spec.reduction is None else f"{spec.attention} r={spec.reduction}"
        )
        table.add_row(
            name,
            attention + (f" {spec.placement}" if spec.placement != "expanded" else ""),
            str(spec.input_size),
            f"{spec.parameters / 1e6:.2f}",
            f"{spec.madds / 1e6:.1f}",
            _published(spec),
            f"{100 * found.accuracy.top1:.1f} %" if found and found.accuracy else "-",
        )
    _print(table)
    print("params, MAdds: in millions. published: the paper's own, and ImageNet top-1.")
    print("trained: top-1 of the checkpoint shipped here; - is for latency alone.")
    for attention, note in {m.attention: m.note for m in MODELS.values() if m.note}.items():
        print(f"{attention}: {note}.")
    return 0


def _published(spec: ModelSpec) -> str:
    if spec.published is None:
        return ""
    paper = spec.published
    madds = "" if paper.madds_m is None else f" {paper.madds_m:.0f}"
    return f"{paper.parameters_m}{madds}" + ("" if paper.top1 is None else f" {paper.top1} %")


def _devices(options: argparse.Namespace) -> int:
    from edgebench.deploy.devices import DEVICES

    if options.json:
        print(
            json.dumps([{"name": d.name, "description": d.description} for d in DEVICES.values()])
        )
        return 0
    table = _table("device", "what it is")
    for device in DEVICES.values():
        table.add_row(device.name, device.description)
    _print(table)
    return 0


def _table(*columns: str) -> Table:
    """A table whose columns are named; a name after `>` is of numbers, set to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", no_wrap=True)
    return table


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    # A pipe has no width; give it the table's own rather than cut names short.
    console.print(table) if console.is_terminal else Console(width=200, highlight=False).print(
        table
    )


# train ----------------------------------------------------------------------------------------


def _add_train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model of the zoo")
    add("--data", default="scenes", metavar="scenes|imagefolder:PATH", help="what to train on")
    add("--out", type=Path, default=Path("checkpoints"), metavar="DIR", help="where weights go")
    add("--epochs", type=_positive, default=200, metavar="N", help="passes over the data")
    add("--batch-size", type=_positive, default=256, metavar="N", help="of all processes together")
    add("--learning-rate", type=float, default=0.05, metavar="X", help="at the start of the cosine")
    add("--momentum", type=float, default=0.9, metavar="X", help="of SGD")
    add("--weight-decay", type=float, default=4e-5, metavar="X", help="of all parameters")
    add("--dropout", type=float, default=0.2, metavar="X", help="before the classifier")
    add("--scenes-per-epoch", type=_positive, default=12_800, metavar="N", help="with scenes")
    add("--seed", type=int, default=0, help="of weights, data and order")
    add("--init", type=Path, metavar="FILE", help="weights to start from")
    add("--resume", action="store_true", help="go on after the last finished epoch")
    add("--workers", type=_positive, default=2, metavar="N", help="threads that decode images")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to train")


def _train(options: argparse.Namespace) -> int:
    with _needs("torch", "train"):
        from edgebench.models.train import TrainConfig, train

    names = {field.name for field in fields(TrainConfig)}
    config = TrainConfig(**{k: v for k, v in vars(options).items() if k in names})
    with _shown_progress() as progress:
        result = train(config, progress)
    print(result.weights)
    if result.accuracy is not None:
        found = result.accuracy
        print(
            f"top-1 {100 * found.top1:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}] "
            f"on {found.count} test images",
            file=sys.stderr,
        )
    return 0


@contextmanager
def _needs(package: str, extra: str) -> Iterator[None]:
    """Turn the missing import of an optional package into the name of its extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or package, extra) from error


@contextmanager
def _shown_progress() -> Iterator[Progress]:
    """Draw the progress of stages on stderr: bars on a terminal, a line a step elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _step_lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(*columns, TimeElapsedColumn(), console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total or None)
            bars.update(tasks[step], completed=done, total=total or None)
            if total and done >= total:
                bars.remove_task(tasks.pop(step))

        yield show


def _step_lines() -> Progress:
    said: set[str] = set()

    def show(step: str, done: int, total: int) -> None:
        if step not in said:
            said.add(step)
            print(step, file=sys.stderr, flush=True)

    return show


# values ---------------------------------------------------------------------------------------


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise argparse.ArgumentTypeError("expected one or more names, separated by commas")
    return names


def _floats(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers") from None


def _cores(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of core numbers") from None


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def _fraction(text: str) -> float:
    number = text.removesuffix("%")
    try:
        value = float(number) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share such as 5% or 0.05")
    return value


def _seconds(text: str) -> float:
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        value = float(number) * unit
    except ValueError:
        value = -1.0
    if not 0 < value < 86_400 * 7:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time such as 60s or 5m")
    return value


if __name__ == "__main__":
    sys.exit(main())
