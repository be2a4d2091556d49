"""The options of the commands that measure: what, on which device, and how."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

from edgebench import arguments
from edgebench.benchmarks.planning.request import DEFAULT_BUDGET_S, DETECT_LIMIT_S, RunRequest
from edgebench.deploy.device.entry import RunnerName
from edgebench.deploy.documents.plan import Delegate
from edgebench.errors import UsageError

MODELS = ("mobilenet_v2_se", "mobilenet_v2_ca", "scenes_v2_se", "scenes_v2_ca")
"""What is measured if nothing is named."""

PRECISIONS = ("fp32", "fp16", "int8")
"""In which precisions, if none are given."""


@dataclass(frozen=True)
class Resume:
    """The run to go on with, by its name or folder; None for the latest."""

    run: str | None


@dataclass(frozen=True)
class MeasureOptions:
    """What is to be measured, and how. What was not given is None, or has its default.

    `edgebench.commands.common.selection` decides what is measured where models, precisions or
    the baseline are not given. `cores` may name a cluster, or all of them.
    """

    command_line: str
    models: tuple[str, ...] | None = None
    baseline: str | None = None
    threshold: float = RunRequest.threshold
    formats: tuple[str, ...] | None = None
    precisions: tuple[str, ...] | None = None
    artifacts: Path = Path("artifacts")
    devices: tuple[str, ...] | None = None
    runner: tuple[RunnerName, ...] | None = None
    budget_s: float | None = None
    detect: float | None = None
    threads: int = RunRequest.threads
    cores: tuple[int, ...] | str | None = None
    delegate: Delegate = RunRequest.delegate
    seed: int = RunRequest.seed
    whole_budget: bool = False
    images: int | None = None
    profile: bool = False
    sustain_s: float | None = None
    floor: bool = False
    runs: Path = Path("runs")
    resume: Resume | None = None


def add_models(parser: argparse.ArgumentParser, unnamed: Sequence[str] = MODELS) -> None:
    """The options that say what to measure; `unnamed` is what is measured if nothing is named."""
    parser.usage = "%(prog)s [options] [MODEL ...]"
    group = parser.add_argument_group("models")
    add = arguments.adder(group, MeasureOptions)
    files = f", or files in --artifacts (default: {', '.join(unnamed)})" if unnamed else ""
    help_ = f"models of the zoo{files}"
    group.add_argument("model", nargs="*", metavar="MODEL", help=help_)
    add("--models", type=arguments.names, metavar="A,B", help="the same, as one option")
    help_ = "compare all models with this one (default: each model's own baseline)"
    add("--baseline", metavar="MODEL", help=help_)


def add_files(parser: argparse.ArgumentParser, precisions: Sequence[str] = PRECISIONS) -> None:
    """The options that say in which formats and precisions, by default these, to measure."""
    add = arguments.adder(parser.add_argument_group("files"), MeasureOptions)
    help_ = "file formats, or all (default: tflite; on iPhones: coreml)"
    add("--formats", type=arguments.names, metavar="F,G", help=help_)
    external = "; of files of other tools: all" if tuple(precisions) == PRECISIONS else ""
    help_ = f"number types, or all (default: {','.join(precisions)}{external})"
    add("--precisions", type=arguments.names, metavar="P,Q", help=help_)
    help_ = "folder of exported artifacts, or of model files of other tools"
    add("--artifacts", type=Path, metavar="DIR", help=help_)


DEVICE_HELP = "device to measure on (default: local); several are measured in parallel"


def add_setting(
    parser: argparse.ArgumentParser,
    device_help: str = DEVICE_HELP,
    *,
    judged: bool = True,
    profiled: bool = True,
) -> None:
    """The options that say where, for how long and how to measure.

    `judged` is whether verdicts are given, and `profiled` whether the user decides on profiling.
    """
    group = parser.add_argument_group("measurement")
    add = arguments.adder(group, MeasureOptions)
    group.add_argument("--device", action="append", metavar="A,B", help=device_help)
    budget, limit = f"{DEFAULT_BUDGET_S:.0f}s", f"{DETECT_LIMIT_S / 60:.0f}m"
    help_ = f"measuring time (default: {budget}; with --detect: as needed, up to {limit})"
    add("--budget", dest="budget_s", type=arguments.seconds, metavar="TIME", help=help_)
    help_ = "smallest overhead to detect with 90 %% power, such as 2%%"
    add("--detect", type=arguments.fraction, metavar="PERCENT", help=help_)
    if judged:
        help_ = "largest overhead accepted as negligible"
        add("--threshold", type=arguments.fraction, metavar="PERCENT", help=help_)
        help_ = "measure for the whole budget, even if the verdicts are clear before"
        add("--whole-budget", action="store_true", help=help_)
    help_ = "images to compute outputs of (default: all; 200 on an emulated device)"
    add("--images", type=arguments.positive, metavar="N", help=help_)
    add("--threads", type=arguments.positive, metavar="N", help="threads of the runtime")
    help_ = (
        "pin to these cores: numbers such as 4-7, a cluster such as big, or all "
        "(default on phones and boards: the fastest cluster)"
    )
    add("--cores", type=arguments.cores, metavar="CORES", help=help_)
    help_ = (
        "what runs TFLite models; none, gpu and ane also choose Core ML's compute units, and "
        "xnnpack-provider XNNPACK in ONNX Runtime"
    )
    add("--delegate", choices=get_args(Delegate), help=help_)
    add("--seed", type=int, metavar="N", help="seed for the order in which models are measured")
    if judged:
        help_ = (
            "also measure an almost empty graph, which shows how much of the latency is the call "
            "itself: for models of less than a millisecond"
        )
        add("--floor", action="store_true", help=help_)
    if profiled:
        add("--profile", action="store_true", help="also run the runtime's profiler")


def add_sustained(parser: argparse.ArgumentParser) -> None:
    """The option of a run under load."""
    add = arguments.adder(parser.add_argument_group("sustained load"), MeasureOptions)
    help_ = (
        "run each model again and again for TIME in all, such as 10m, and show its latency over "
        "time, the first minute against the last, and the energy of an inference if the device "
        "tells it; no overheads are measured then"
    )
    add("--sustain", dest="sustain_s", type=arguments.seconds, metavar="TIME", help=help_)


def add_runner(parser: argparse.ArgumentParser) -> None:
    """The option that says what carries out plans on a phone."""
    names = get_args(RunnerName)
    help_ = (
        f"what runs the models on a phone: {', '.join(names)} (default: its entry's); two, such as "
        "benchmark_model,app, are measured in turn and compared"
    )
    add = arguments.adder(parser.add_argument_group("phones"), MeasureOptions)
    add("--runner", type=_runners, metavar="A[,B]", help=help_)


def _runners(text: str) -> tuple[str, ...]:
    found, known = arguments.names(text), get_args(RunnerName)
    if len(found) > 2 or not set(found) <= set(known):
        raise argparse.ArgumentTypeError(f"'{text}' is not one or two of {', '.join(known)}")
    return found


def add_runs(parser: argparse.ArgumentParser, *, resumable: bool = True) -> None:
    """The options that say where runs are stored, and which one to continue."""
    group = parser.add_argument_group("runs")
    add = arguments.adder(group, MeasureOptions)
    add("--runs", type=Path, metavar="DIR", help="folder that runs are stored in")
    if resumable:
        help_ = "continue an interrupted run with its own options (default: the latest run)"
        add("--resume", nargs="?", const=Resume(None), type=Resume, metavar="RUN", help=help_)


KEPT = {one.name for one in fields(MeasureOptions)} - {
    "command_line",
    "devices",
    "runner",
    "runs",
    "resume",
}
"""What a run goes on with as it was begun."""


NOT_SUSTAINED = ("budget_s", "detect", "whole_budget", "profile", "images", "floor")
"""The options that mean nothing for a run under load."""


def read(namespace: argparse.Namespace, **derived: object) -> MeasureOptions:
    """The options that were given. Raises `UsageError` for those that exclude one another."""
    if getattr(namespace, "resume", None) is not None:
        given = [name for name in KEPT if getattr(namespace, name, None) is not None]
        flags = [f"--{name.removesuffix('_s')}" for name in sorted(given)]
        if flags or any(getattr(namespace, key, None) for key in ("model", "itself")):
            raise UsageError(
                "a run is continued with the models and options that it was started with",
                f"leave out {', '.join(flags or ['the models'])}",
            )
    if getattr(namespace, "sustain_s", None) is not None:
        beside = [name for name in NOT_SUSTAINED if getattr(namespace, name, None)]
        if beside:
            names = ", ".join("--" + one.removesuffix("_s").replace("_", "-") for one in beside)
            raise UsageError(
                "a run under load takes the time that --sustain says, and measures no overheads",
                f"leave out {names}",
            )
    derived = {"models": _models(namespace), "devices": _devices(namespace.device)} | derived
    return arguments.read(MeasureOptions, namespace, **derived)


def _models(namespace: argparse.Namespace) -> tuple[str, ...] | None:
    """The models that are named in either way, each once."""
    named = [one for key in ("models", "model") for one in getattr(namespace, key, None) or ()]
    return tuple(dict.fromkeys(named)) or None


def _devices(texts: Sequence[str] | None) -> tuple[str, ...] | None:
    if texts is None:
        return None
    found = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice:
        raise UsageError(f"device {twice} is named twice", "name each device once")
    if not found:
        raise UsageError("--device names no device", "see: edgebench devices")
    return tuple(found)
