"""`edgebench export`: models of the zoo and ONNX files to device formats."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console

if TYPE_CHECKING:
    from edgebench.converters.artifact import Artifact
    from edgebench.converters.export.request import ExportRequest
    from edgebench.converters.targets import Target

MODEL_HELP = (
    "a model of the zoo, an ONNX file, or package.module:factory, a callable that returns a "
    "torch module"
)
HELP = "export models or ONNX files to device formats"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", nargs="+", metavar="MODEL", help=MODEL_HELP)
    add(
        "--to",
        action="append",
        metavar="FORMAT[:PRECISION]",
        help="a target; may be repeated; 'all' and 'tflite:all' are every one of them",
    )
    add("--out", type=Path, default=Path("artifacts"), metavar="DIR", help="where artifacts go")
    add("--weights", type=Path, metavar="FILE", help="trained weights (.safetensors or .pth)")
    add("--calibration", metavar="DIR|scenes|random", help="inputs that set the int8 ranges")
    add("--data", metavar="imagefolder:PATH", help="labelled images: calibrate and evaluate")
    add("--input-shape", action="append", metavar="[NAME=]1,3,224,224", help="fix an input's shape")
    add("--mean", type=arguments.floats, metavar="R,G,B", help="of the input, 0..1")
    add("--std", type=arguments.floats, metavar="R,G,B", help="of the input, 0..1")
    add("--labels", type=Path, metavar="FILE", help="class names, one a line")
    add("--ios", type=arguments.positive, metavar="VERSION", help="oldest iOS for Core ML: 15-18")
    add("--no-image-input", action="store_true", help="Core ML takes a normalised array instead")
    add("--jobs", type=arguments.positive, default=os.cpu_count() or 1, metavar="N", help="at once")
    add("--no-passes", action="store_true", help="the plain graph, not the target's fastest form")
    add("--force", action="store_true", help="export also what is up to date")
    add("--json", action="store_true", help="print the manifests as JSON")


def execute(options: argparse.Namespace) -> int:
    from edgebench.converters.export.export import export_many
    from edgebench.converters.targets import expand
    from edgebench.documents import dump

    targets, left_out = expand(options.to or ["tflite:fp32"])
    with console.shown_progress() as progress:
        exports = export_many(_requests(options, targets), options.jobs, progress)
    for note in dict.fromkeys((*left_out, *(note for one in exports for note in one.notes))):
        console.say(note)
    artifacts = [artifact for one in exports for artifact in one.artifacts]
    if options.json:
        print("[" + ",\n".join(dump(one.manifest).rstrip() for one in artifacts) + "]")
        return 0
    _show(artifacts)
    return 0


def _show(artifacts: Sequence[Artifact]) -> None:
    """A line for each artifact, and below them who made which format."""
    table = console.table("artifact", ">MB", ">parity dB", ">agree %")
    for artifact in artifacts:
        manifest, hop = artifact.manifest, artifact.manifest.hops[-1]
        agreement = "-" if hop.top1_agreement is None else f"{100 * hop.top1_agreement:.1f}"
        table.add_row(
            str(artifact.path),
            f"{manifest.size_bytes / 1e6:.2f}",
            "exact" if hop.snr_db is None else f"{hop.snr_db:.0f}",
            agreement,
        )
    console.show(table)
    makers = dict.fromkeys(f"{one.manifest.format} by {one.manifest.maker}" for one in artifacts)
    print("parity: SNR to the ONNX graph; agree: the same best class (- if weights are untrained)")
    print(f"made {', '.join(makers)}")


def _requests(options: argparse.Namespace, targets: tuple[Target, ...]) -> list[ExportRequest]:
    from edgebench.converters.export.request import ExportRequest

    return [
        ExportRequest(
            source=source,
            targets=targets,
            out=options.out,
            weights=options.weights,
            calibration=options.calibration,
            data=options.data,
            input_shapes=arguments.shapes(options.input_shape),
            mean=options.mean,
            std=options.std,
            labels=options.labels,
            ios=options.ios,
            image_input=not options.no_image_input,
            command=options.command_line,
            plain=options.no_passes,
            force=options.force,
        )
        for source in dict.fromkeys(options.source)
    ]
