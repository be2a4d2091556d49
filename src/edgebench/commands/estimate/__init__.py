"""`edgebench estimate`: what the compilers of NPUs say of .tflite files, without a device."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.commands.common import exits
from edgebench.errors import (
    DataError,
    EdgeBenchError,
    MissingExtraError,
    UnknownNameError,
    UsageError,
)

if TYPE_CHECKING:
    from edgebench.commands.estimate.answers import CompilerAnswers
    from edgebench.converters.analysis.vela import VelaEstimate
    from edgebench.deploy.npu.compiler import NpuPlacement

HELP = "ask the compilers of NPUs what runs on the NPU, without a device"

EXAMPLES = """\
  edgebench estimate scenes_v2 scenes_v2_ca --soc SM8650,SM8750
  edgebench estimate somebody_elses.tflite --soc galaxy-s24,pixel9
  edgebench estimate --soc SM8650       every .tflite file in artifacts/
  edgebench estimate artifacts/scenes_v2.int8.tflite \\
      artifacts/scenes_v2_ca.int8.tflite --accelerator ethos-u65-256
"""

DEFAULT_ACCELERATOR = "ethos-u55-128"


@dataclass(frozen=True)
class EstimateOptions:
    """The files, the first of which is the baseline, and the NPUs.

    Without any NPU it is the `DEFAULT_ACCELERATOR`.
    """

    model: tuple[str, ...]
    soc: tuple[str, ...] = ()
    accelerator: str | None = None
    artifacts: Path = Path("artifacts")
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = arguments.adder(parser, EstimateOptions)
    help_ = (
        "models of the zoo, in int8, or .tflite files; the first is the baseline "
        "(default: every .tflite file of --artifacts)"
    )
    add("model", nargs="*", metavar="MODEL", help=help_)
    help_ = "phones, or their SoCs: which operators the NPU takes, by LiteRT's compiler"
    add("--soc", type=arguments.names, metavar="A,B", help=help_)
    help_ = (
        "Arm Ethos-U NPU: cycles, by Arm's Vela compiler "
        f"(default without --soc: {DEFAULT_ACCELERATOR})"
    )
    add("--accelerator", metavar="NAME", help=help_)
    add("--artifacts", type=Path, metavar="DIR", help="folder of exported artifacts")
    add("--json", action="store_true", help="print JSON")


def options(namespace: argparse.Namespace) -> EstimateOptions:
    return arguments.read(EstimateOptions, namespace)


def execute(options: EstimateOptions) -> int:
    """Ask each compiler about each file. Exit 1 where one of them gave no answer.

    Raises what the first one raised if none did.
    """
    from edgebench.commands.estimate import table
    from edgebench.commands.estimate.answers import CompilerAnswers

    socs, accelerator = _socs(options.soc), _accelerator(options)
    answers = CompilerAnswers(tuple(_files(options)), socs, accelerator)
    with console.shown_progress() as progress:
        for number, (path, npu) in enumerate(answers.questions):
            progress("compiling", number, len(answers.questions))
            try:
                answers.given[path, npu] = _ask(path, npu, npu == answers.accelerator)
            except MissingExtraError:
                raise  # It is missing for all files.
            except EdgeBenchError as error:
                answers.failed[path, npu] = error
        progress("compiling", len(answers.questions), len(answers.questions))
    if not answers.given:
        raise next(iter(answers.failed.values()))
    if options.json:
        print(json.dumps(_document(answers), indent=1))
    else:
        table.show(answers)
    return exits.FAILED if answers.failed else exits.DONE


def _files(options: EstimateOptions) -> Iterator[Path]:
    """The files that were asked for, each once. Raises `DataError` if there are none."""
    found = dict.fromkeys(
        path
        for name in options.model
        for path in ([Path(name)] if Path(name).suffix else [_of_zoo(name, options.artifacts)])
    )
    if not options.model:
        found = dict.fromkeys(sorted(options.artifacts.glob("*.tflite")))
    if not found:
        raise DataError(
            f"there are no .tflite files in {options.artifacts}",
            "make some with: edgebench export --to tflite:int8",
        )
    yield from found


def _of_zoo(model: str, folder: Path) -> Path:
    path = folder / f"{model}.int8.tflite"
    if not path.is_file():
        raise DataError(
            f"there is no {path.name} in {folder}",
            f"make it with: edgebench export {model} --to tflite:int8",
        )
    return path


def _socs(names: Sequence[str]) -> tuple[str, ...]:
    """The SoCs that are named, or that the named phones have.

    Raises `UnknownNameError`, and `UsageError` for a phone whose NPU has no public compiler.
    """
    from edgebench.deploy.npu.socs import soc
    from edgebench.deploy.registry import registry

    known = registry.load()
    entries = {name: known[name] for name in names if name in known}
    for name, entry in entries.items():
        if entry.soc_model is None:
            raise UsageError(
                f"no public compiler is known for the NPU of {name} ({entry.npu or 'none known'})",
                "give a SoC, such as SM8650",
            )
    return tuple(
        dict.fromkeys(
            soc(entries[name].soc_model or name if name in entries else name).model
            for name in names
        )
    )


def _accelerator(options: EstimateOptions) -> str | None:
    """The Ethos-U NPU to ask about, if any. Raises `UnknownNameError`."""
    from edgebench.converters.analysis.vela import ACCELERATORS

    chosen = options.accelerator or (None if options.soc else DEFAULT_ACCELERATOR)
    if chosen is not None and chosen not in ACCELERATORS:
        raise UnknownNameError("accelerator", chosen, ACCELERATORS)
    return chosen


def _ask(path: Path, npu: str, is_ethos: bool) -> VelaEstimate | NpuPlacement:
    if is_ethos:
        from edgebench.converters.analysis.vela import estimate

        return estimate(path, npu)
    from edgebench.deploy.npu.compiler import placement
    from edgebench.deploy.npu.socs import soc

    return placement(path, soc(npu))


def _document(answers: CompilerAnswers) -> list[dict[str, object]]:
    """The answers as data, in the order of the questions."""
    found: list[dict[str, object]] = []
    for path, npu in answers.questions:
        failure = answers.failed.get((path, npu))
        if failure is not None:
            found.append({"artifact": path.name, "npu": npu, "error": str(failure)})
        else:
            found.append({"npu": npu, **asdict(answers.given[path, npu])})
    return found
