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
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import __version__
from edgebench.errors import EdgeBenchError, UsageError

if TYPE_CHECKING:
    from edgebench.converters.export import ExportRequest
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
    options = parser.parse_args(words)
    options.command_line = shlex.join(["edgebench", *words])
    try:
        return commands[options.command](options)
    except EdgeBenchError as error:
        print(f"edgebench: {error.message}", file=sys.stderr)
        if error.remedy:
            print(f"  -> {error.remedy}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("edgebench: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has left; that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


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
    raise UsageError("models is being wired")


def _devices(options: argparse.Namespace) -> int:
    raise UsageError("devices is being wired")


# train ----------------------------------------------------------------------------------------


def _add_train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model of the zoo")
    add("--data", default="scenes", metavar="scenes|imagefolder:PATH", help="what to train on")


def _train(options: argparse.Namespace) -> int:
    raise UsageError("train is being wired")


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
