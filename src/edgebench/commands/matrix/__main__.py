"""Does every attention go through every format in every backbone?

    python -m edgebench.commands.matrix [--backbones NAME,...] [--attention KIND,...]
                                        [--placements PLACE,...] [--to FORMAT:PRECISION,...]

Each model is exported to each target and proved, as `edgebench export` does. A TFLite file also has
to be one partition of XNNPACK without a TRANSPOSE. Printed are a table of what passed and a list of
what did not, each with its reason. What a format has no operation for is listed by name and is no
failure of ours: it is `refused`.

Every model's cells are written to a file of their own as soon as they are known, with the hash of
all that they depend on. A matrix that was interrupted goes on, and one that ended does again only
what may have changed. The exported files are removed once they are proved, unless --keep.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from edgebench import arguments, console
from edgebench.commands.matrix import table
from edgebench.commands.matrix.cells import FAILED, CellTask, ModelCells, left, prove_all, recorded
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.targets import parse
from edgebench.errors import EdgeBenchError, UnknownNameError
from edgebench.models import registry
from edgebench.models.backbones.mobilenet_v2.rows import DEEPER
from edgebench.models.kinds import KINDS, PLACEMENTS
from edgebench.models.spec import OWN

COMMAND = "python -m edgebench.commands.matrix"
TARGETS = (
    *(f"tflite:{kind}" for kind in ("fp32", "fp16", "dynamic", "int8")),
    *(f"onnx:{kind}" for kind in ("fp32", "fp16", "int8")),
    *(f"openvino:{kind}" for kind in ("fp32", "fp16", "int8")),
    *(f"coreml:{kind}" for kind in ("fp32", "fp16", "int8w", "w8a8")),
)
PUBLISHED = "published"


def backbones() -> dict[str, str]:
    """Each backbone's model without any attention, by what it is called in the matrix."""
    plain = {
        spec.backbone: spec.name
        for spec in registry.MODELS.values()
        if spec.attention == "none" and spec.data == "imagenet" and spec.width == 1.0
    }
    del plain[DEEPER]  # Made to be found by measurements; the layers are MobileNetV2's.
    return plain


@dataclass(frozen=True)
class MatrixOptions:
    """Which part of the matrix, at what size, and where files go."""

    backbones: tuple[str, ...] = ()
    attention: tuple[str, ...] = ()
    placements: tuple[str, ...] = (PUBLISHED,)
    to: tuple[str, ...] = TARGETS
    width: str = ""
    size: int = 0
    out: Path = Path("matrix")
    jobs: int = field(default_factory=lambda: max(1, (os.cpu_count() or 1)))
    only_failed: bool = False
    keep: bool = False
    json: bool = False
    markdown: Path | None = None


def names(options: MatrixOptions) -> list[str]:
    """The models of the matrix. Raises `UnknownNameError`."""
    plain = backbones()
    kinds = ("none", OWN, *KINDS)
    for given, known, what in (
        (options.backbones, plain, "backbone"),
        (options.attention, kinds, "attention"),
        (options.placements, (PUBLISHED, *PLACEMENTS), "placement"),
    ):
        for name in given:
            if name not in known:
                raise UnknownNameError(what, name, known)
    found: list[str] = []
    for backbone in options.backbones or plain:
        for kind in options.attention or kinds:
            found += _of(backbone, plain[backbone], kind, options)
    return list(dict.fromkeys(found))


def _of(backbone: str, plain: str, kind: str, options: MatrixOptions) -> Iterable[str]:
    """The names of one backbone with one kind; none where it has no attention of its own."""
    width = f"_w{options.width}" if options.width else ""
    size = f"_s{options.size}" if options.size else ""
    if kind == "none":
        yield plain + width + size
    elif kind == OWN:
        if plain != backbone:
            yield backbone + width + size
    else:
        for placement in options.placements:
            place = "" if placement == PUBLISHED else f"_{placement}"
            yield f"{backbone}{width}_{kind}{place}{size}"


def main(words: Sequence[str] | None = None) -> int:
    """Prove what is left, print the matrix. Exit code 1 where a cell failed."""
    options = _options(words)
    try:
        models = names(options)
        targets = tuple(parse(text) for text in dict.fromkeys(options.to))
        tasks = []
        for model in models:
            folder = options.out / "files" / model
            request = ExportRequest(model, targets, folder, command=COMMAND)
            todo = left(request, _record(options, model), options.only_failed)
            if todo:
                narrowed = replace(request, targets=todo)
                tasks.append(CellTask(narrowed, _record(options, model), options.keep))
        if tasks:
            console.say(f"{len(tasks)} of {len(models)} models have cells to prove")
            with console.shown_progress() as progress:
                prove_all(tasks, options.jobs, progress)
        return _show(options, models, {str(target) for target in targets})
    except EdgeBenchError as error:
        console.explain(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.say("interrupted; the same command goes on with what is left")
        return 130


def _record(options: MatrixOptions, model: str) -> Path:
    return options.out / f"{model}.json"


def _show(options: MatrixOptions, models: Sequence[str], targets: set[str]) -> int:
    found = [
        ModelCells(model, [c for c in recorded(_record(options, model)) if c.target in targets])
        for model in models
    ]
    if options.json:
        print(json.dumps([asdict(one) for one in found], indent=1))
    else:
        table.show(found)
    if options.markdown is not None:
        console.save(options.markdown, table.markdown(found))
    return int(any(cell.status == FAILED for one in found for cell in one.cells))


def _options(words: Sequence[str] | None) -> MatrixOptions:
    parser = argparse.ArgumentParser(prog=COMMAND)
    add = arguments.adder(parser, MatrixOptions)
    add("--backbones", type=arguments.names, metavar="NAME,...", help="all unless named")
    help_ = "none, own, and the kinds that `edgebench models` lists; all unless named"
    add("--attention", type=arguments.names, metavar="KIND,...", help=help_)
    help_ = "published, expanded, output or late"
    add("--placements", type=arguments.names, metavar="PLACE,...", help=help_)
    help_ = "targets, such as tflite:int8; all usual ones unless named"
    add("--to", type=arguments.names, metavar="FORMAT:PRECISION,...", help=help_)
    add("--width", metavar="035", help="per cent of the channels, in three digits")
    add("--size", type=arguments.positive, metavar="PIXELS", help="side of the images")
    add("--out", type=Path, metavar="DIR", help="folder for the records")
    add("--jobs", type=arguments.positive, metavar="N", help="models at once")
    help_ = "prove again what failed or is missing, and nothing else"
    add("--only-failed", action="store_true", help=help_)
    add("--keep", action="store_true", help="leave the exported files in DIR/files")
    add("--json", action="store_true", help="print the cells as JSON")
    add("--markdown", type=Path, metavar="FILE", help="also write the matrix as Markdown")
    return arguments.read(MatrixOptions, parser.parse_args(words))


if __name__ == "__main__":
    sys.exit(main())
