"""`edgebench export`: models of the zoo, ONNX files and torch modules to device formats."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.commands.common import exits

if TYPE_CHECKING:
    from edgebench.converters.artifact import Artifact
    from edgebench.converters.export.request import ExportRequest
    from edgebench.converters.targets import Target
    from edgebench.models.data.pictures import Resize

HELP = "export models to device formats"


EXAMPLES = """\
  edgebench export mobilenet_v2_ca --to tflite:int8 --to onnx
  edgebench export scenes_v2 --to all          every format and precision
  edgebench export my_model.onnx --to tflite:int8 --calibration photos/
  edgebench export my_detector.onnx --to tflite:int8 --data coco:val/,val.json
  edgebench export my_package.models:small --to coreml --input-shape 1,3,96,96
"""

UNKNOWN = "unknown"

Shapes = Mapping[str, tuple[int, ...]] | tuple[int, ...]


@dataclass(frozen=True)
class ExportOptions:
    """What to export, to which targets, and how; see `ExportRequest`."""

    command_line: str
    source: tuple[str, ...]
    to: tuple[str, ...] = ("tflite:fp32",)
    out: Path = Path("artifacts")
    weights: Path | None = None
    calibration: str | None = None
    data: str | None = None
    evaluation: str | None = None
    task: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    resize: Resize | None = None
    input_shapes: Shapes | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    labels: Path | None = None
    require_agreement: float | None = None
    ios: int | None = None
    no_image_input: bool = False
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    no_passes: bool = False
    force: bool = False
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [options] MODEL ..."
    add = arguments.adder(parser, ExportOptions)
    help_ = "model of the zoo, ONNX file, or package.module:factory that returns a torch module"
    add("source", nargs="+", metavar="MODEL", help=help_)
    help_ = "targets, such as tflite:int8, tflite:MIX.json, tflite:all or all; may be repeated"
    add("--to", action="extend", type=arguments.names, metavar="FORMAT[:PRECISION],...", help=help_)
    add("--out", type=Path, metavar="DIR", help="folder for the artifacts")
    add("--force", action="store_true", help="also export what is up to date")
    help_ = "parallel exports (default: one per CPU)"
    add("--jobs", type=arguments.positive, metavar="N", help=help_)
    add("--json", action="store_true", help="print the manifests as JSON")

    group = parser.add_argument_group("model")
    add = arguments.adder(group, ExportOptions)
    help_ = "trained weights (.safetensors or .pth)"
    add("--weights", type=Path, metavar="FILE", help=help_)
    help_ = "fix an input's shape; may be repeated"
    group.add_argument("--input-shape", action="append", metavar="[NAME=]1,3,224,224", help=help_)
    add("--mean", type=arguments.floats, metavar="R,G,B", help="mean of the input, in 0..1")
    add("--std", type=arguments.floats, metavar="R,G,B", help="its standard deviation, in 0..1")
    add("--labels", type=Path, metavar="FILE", help="class names, one per line")
    help_ = (
        "what the outputs mean: classification, detection, segmentation or none "
        "(default: what the data has labels for)"
    )
    add("--task", metavar="NAME", help=help_)
    help_ = "roles and layout of the outputs, such as boxes=OUTPUT,scale=normalised"
    add("--outputs", type=arguments.words, metavar="NAME=VALUE,...", help=help_)

    group = parser.add_argument_group(
        "data",
        "DATA is imagefolder:PATH, coco:IMAGES,ANNOTATIONS.json, voc:PATH, npz:PATH (arrays by the "
        "names of the inputs) or scenes.",
    )
    add = arguments.adder(group, ExportOptions)
    help_ = "labelled images: one part sets the int8 ranges, the other measures the accuracy"
    add("--data", metavar="DATA", help=help_)
    help_ = "images that set the int8 ranges: DATA, a folder of images or .npz files, or random"
    add("--calibration", metavar="DATA|DIR|random", help=help_)
    add("--evaluation", metavar="DATA", help="labelled images that measure the accuracy")
    help_ = "how images are brought to the input's size (default: crop; coco and voc: stretch)"
    add("--resize", choices=("crop", "stretch", "pad"), help=help_)

    add = arguments.adder(parser.add_argument_group("conversion"), ExportOptions)
    help_ = "oldest iOS that Core ML files are for: 15 to 18"
    add("--ios", type=arguments.positive, metavar="VERSION", help=help_)
    help_ = "let Core ML take a normalised array instead of an image"
    add("--no-image-input", action="store_true", help=help_)
    help_ = f"least share in which a file has to agree with the model (else exit {exits.ABOVE})"
    add("--require-agreement", type=arguments.fraction, metavar="99%", help=help_)
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
        exports, failure = export_all(_requests(options, targets), options.jobs, progress)
    for note in dict.fromkeys((*left_out, *(note for one in exports for note in one.notes))):
        console.say(note)
    artifacts = [artifact for one in exports for artifact in one.artifacts]
    if options.json:
        print("[" + ",\n".join(dump(one.manifest).rstrip() for one in artifacts) + "]")
    elif artifacts:
        _show(artifacts)
    if failure is not None:
        raise failure
    return 0


def _show(artifacts: Sequence[Artifact]) -> None:
    """A line for each artifact, and below them who made which format."""
    from edgebench.converters.export.cost import interval

    table = console.table("artifact", ">MB", ">SNR dB", ">agree % [95 %]")
    hops = [artifact.manifest.hops[-1] for artifact in artifacts]
    for artifact, hop in zip(artifacts, hops, strict=True):
        table.add_row(
            str(artifact.path),
            f"{artifact.manifest.size_bytes / 1e6:.2f}",
            "exact" if hop.snr_db is None else f"{hop.snr_db:.0f}",
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
    from edgebench.converters.export.request import ExportRequest

    return [
        ExportRequest(
            source=source,
            targets=targets,
            out=options.out,
            weights=options.weights,
            calibration=options.calibration,
            data=options.data,
            evaluation=options.evaluation,
            task=options.task,
            outputs=options.outputs,
            resize=options.resize,
            input_shapes=options.input_shapes,
            mean=options.mean,
            std=options.std,
            labels=options.labels,
            require_agreement=options.require_agreement,
            ios=options.ios,
            image_input=not options.no_image_input,
            command=options.command_line,
            plain=options.no_passes,
            force=options.force,
        )
        for source in dict.fromkeys(options.source)
    ]
