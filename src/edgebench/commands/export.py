"""`edgebench export`: models of the zoo, ONNX files and torch modules to device formats."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.commands.common import exits, mended_words, source_options
from edgebench.commands.common.source_options import SourceOptions

if TYPE_CHECKING:
    from edgebench.converters.artifact import Artifact
    from edgebench.converters.export.request import ExportRequest
    from edgebench.converters.mending.budget import Budget
    from edgebench.converters.mending.search import Mended
    from edgebench.converters.targets import Target
    from edgebench.progress import Progress

HELP = "export models to device formats"


EXAMPLES = """\
  edgebench export mobilenet_v2_ca --to tflite:int8 --to onnx
  edgebench export scenes_v2 --to all          every format and precision
  edgebench export my_model.onnx --to tflite:int8 --calibration photos/
  edgebench export my_detector.onnx --to tflite:int8 --data coco:val/,val.json
  edgebench export scenes_v2_ca --to tflite:int8 --accuracy-budget 0.5%
  edgebench export my_package.models:small --to coreml --input-shape 1,3,96,96
"""

UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ExportOptions(SourceOptions):
    """What to export, to which targets, and how; see `ExportRequest`."""

    source: tuple[str, ...]
    require_agreement: float | None = None
    accuracy_budget: Budget | None = None
    ios: int | None = None
    no_image_input: bool = False
    no_passes: bool = False
    force: bool = False
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [options] MODEL ..."
    add = arguments.adder(parser, ExportOptions)
    add("source", nargs="+", metavar="MODEL", help=source_options.MODEL)
    source_options.add_target(add)
    add("--out", type=Path, metavar="DIR", help="folder for the artifacts")
    add("--force", action="store_true", help="also export what is up to date")
    help_ = "parallel exports (default: one per CPU)"
    add("--jobs", type=arguments.positive, metavar="N", help=help_)
    add("--json", action="store_true", help="print the manifests as JSON")
    source_options.add_model(parser, ExportOptions)
    source_options.add_data(parser, ExportOptions)

    add = arguments.adder(parser.add_argument_group("conversion"), ExportOptions)
    help_ = "oldest iOS that Core ML files are for: 15 to 18"
    add("--ios", type=arguments.positive, metavar="VERSION", help=help_)
    help_ = "let Core ML take a normalised array instead of an image"
    add("--no-image-input", action="store_true", help=help_)
    help_ = f"least share in which a file has to agree with the model (else exit {exits.ABOVE})"
    add("--require-agreement", type=arguments.fraction, metavar="99%", help=help_)
    help_ = (
        "let int8 lose no more, or have this SNR at least: adjust weights, then keep in float32 "
        "what costs most"
    )
    add("--accuracy-budget", type=source_options.budget, metavar="0.5%|20dB", help=help_)
    help_ = "export the plain graph, not the form that the target runs fastest"
    add("--no-passes", action="store_true", help=help_)


def options(namespace: argparse.Namespace) -> ExportOptions:
    shapes = arguments.shapes(namespace.input_shape)
    return arguments.read(ExportOptions, namespace, input_shapes=shapes)


def execute(options: ExportOptions) -> int:
    from edgebench.converters.export.export import export_all
    from edgebench.converters.targets import expand
    from edgebench.documents import dump

    targets, left_out = expand(options.to)
    with console.shown_progress() as progress:
        requests = _requests(options, targets)
        mended: list[Mended] = []
        if options.accuracy_budget is not None:
            requests, mended = _mend(requests, options.accuracy_budget, progress)
        exports, failure = export_all(requests, options.jobs, progress)
    for note in dict.fromkeys((*left_out, *(note for one in exports for note in one.notes))):
        console.say(note)
    artifacts = [artifact for one in exports for artifact in one.artifacts]
    if options.json:
        print("[" + ",\n".join(dump(one.manifest).rstrip() for one in artifacts) + "]")
    elif artifacts:
        _show(artifacts)
    for one in mended:
        console.say(mended_words.sentence(one))
        if one.found.nodes and not options.json:
            console.show(mended_words.front(one))
    if failure is not None:
        raise failure
    return exits.DONE if all(one.within for one in mended) else exits.ABOVE


def _mend(
    requests: Sequence[ExportRequest], budget: Budget, progress: Progress
) -> tuple[list[ExportRequest], list[Mended]]:
    """The requests with the mixes that keep them within the budget; each is written as a recipe."""
    from edgebench.converters.mending.search import IMAGES, mend
    from edgebench.converters.targets import FORMATS
    from edgebench.documents import save

    found, changed = [], []
    for request in requests:
        targets = []
        for target in request.targets:
            if target.base not in FORMATS[target.format].mixable:
                console.say(f"{target} can have no exceptions, so the budget does not apply to it")
                targets.append(target)
                continue
            one = mend(request, target, budget, IMAGES, progress)
            found.append(one)
            targets.append(one.target)
            if one.target.mix is not None:
                path = request.path(one.target)
                save(path.with_name(f"{path.name}.recipe.json"), one.target.mix)
        changed.append(replace(request, targets=tuple(targets)))
    return changed, found


def _show(artifacts: Sequence[Artifact]) -> None:
    """A line for each artifact, and below them who made which format."""
    from edgebench.converters.export.cost import interval

    table = console.table("artifact", ">MB", ">SNR dB", ">agree % [95 %]")
    hops = [artifact.manifest.hops[-1] for artifact in artifacts]
    for artifact, hop in zip(artifacts, hops, strict=True):
        table.add_row(
            str(artifact.path),
            f"{artifact.manifest.size_bytes / 1e6:.2f}",
            "exact" if hop.equal else UNKNOWN if hop.snr_db is None else f"{hop.snr_db:.0f}",
            UNKNOWN if hop.agreement is None else interval(hop.agreement),
        )
    console.show(table)
    samples = ", ".join(str(count) for count in sorted({hop.samples for hop in hops}))
    print(f"SNR of the outputs, and agreement as the task counts it, are to ONNX; {samples} inputs")
    if any(hop.agreement is None for hop in hops):
        print(f"{UNKNOWN}: no task, untrained weights, or no data (give --task and --data)")
    makers = dict.fromkeys(f"{one.manifest.format} by {one.manifest.maker}" for one in artifacts)
    print(f"made {', '.join(makers)}")


def _requests(options: ExportOptions, targets: tuple[Target, ...]) -> list[ExportRequest]:
    return [
        source_options.request(
            options,
            source,
            targets,
            require_agreement=options.require_agreement,
            ios=options.ios,
            image_input=not options.no_image_input,
            plain=options.no_passes,
            force=options.force,
        )
        for source in dict.fromkeys(options.source)
    ]
