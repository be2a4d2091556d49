"""`edgebench drift`: where a converted model loses accuracy, hop by hop and layer by layer."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.commands.common import exits, source_options
from edgebench.commands.common.source_options import SourceOptions
from edgebench.errors import UsageError

if TYPE_CHECKING:
    from edgebench.converters.drift.document import DriftReport, TargetDrift
    from edgebench.converters.drift.drift import Drifted
    from edgebench.converters.export.request import ExportRequest
    from edgebench.deploy.device.interface import Device
    from edgebench.progress import Progress
    from edgebench.tasks.task import Outputs

HELP = "show where and why a converted model loses accuracy"

EXAMPLES = """\
  edgebench drift scenes_v2_ca --to tflite:int8,onnx:int8
  edgebench drift my_model.onnx --to tflite:int8 --data imagefolder:photos/
  edgebench drift scenes_v2_ca --to coreml:w8a8 --html
  edgebench drift scenes_v2 --to tflite:int8 --device pixel7
"""

STDOUT = "-"


@dataclass(frozen=True, kw_only=True)
class DriftOptions(SourceOptions):
    """Which model to follow to which targets; `device` is another hop, after this machine."""

    source: str
    to: tuple[str, ...] = ("tflite:int8",)
    images: int = 200
    device: str | None = None
    json: str | None = None
    html: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [options] MODEL"
    add = arguments.adder(parser, DriftOptions)
    add("source", metavar="MODEL", help=source_options.MODEL)
    source_options.add_target(add)
    add("--images", type=arguments.positive, metavar="N", help="images to compare")
    add("--device", metavar="NAME", help="also compare what this device computes")
    add("--out", type=Path, metavar="DIR", help="folder for the artifacts of --device")
    help_ = "parallel conversions (default: one per CPU)"
    add("--jobs", type=arguments.positive, metavar="N", help=help_)
    for kind, name, const, default in (
        ("json", "JSON", STDOUT, "stdout"),
        ("html", "an HTML page", "drift.html", "drift.html"),
    ):
        help_ = f"write the report as {name} to PATH (default: {default})"
        add(f"--{kind}", nargs="?", const=const, metavar="PATH", help=help_)
    source_options.add_model(parser, DriftOptions)
    source_options.add_data(parser, DriftOptions)


def options(namespace: argparse.Namespace) -> DriftOptions:
    shapes = arguments.shapes(namespace.input_shape)
    return arguments.read(DriftOptions, namespace, input_shapes=shapes)


def execute(options: DriftOptions) -> int:
    """Follow the model and show the chain. Exit 1 where a target could not be made."""
    from edgebench.benchmarks.report import drift_terminal
    from edgebench.converters.drift.drift import drift
    from edgebench.converters.targets import expand
    from edgebench.documents import dump

    targets, left_out = expand(options.to)
    for note in left_out:
        console.say(note)
    request = source_options.request(options, options.source, targets)
    device = _device(options.device, request) if options.device is not None else None
    with console.shown_progress() as progress:
        found = drift(request, options.images, progress, options.jobs)
        report = found.report
        if device is not None:
            report = _on_device(device, request, found, progress, options.jobs)
    if options.json == STDOUT:
        print(dump(report), end="")
    else:
        drift_terminal.render(report, console.results(80))
        if options.json is not None:
            console.save(Path(options.json), dump(report))
    if options.html is not None:
        console.save(Path(options.html), _page(report, found))
    failed = any(target.failure is not None for target in report.targets)
    return exits.FAILED if failed else exits.DONE


def _page(report: DriftReport, found: Drifted) -> str:
    from edgebench.benchmarks.report import drift_html
    from edgebench.models.data.pictures import png

    return drift_html.render(report, {n: png(one) for n, one in found.pictures.items()})


def _device(name: str, request: ExportRequest) -> Device:
    """The device of that name, if it runs a target. Raises `UnknownNameError` and `UsageError`."""
    from edgebench.deploy.registry import devices

    device = devices.get(name)
    if not any(target.format in device.formats for target in request.targets):
        raise UsageError(
            f"{name} runs none of the targets", f"it runs: {', '.join(device.formats)}"
        )
    return device


def _on_device(
    device: Device, request: ExportRequest, found: Drifted, progress: Progress, jobs: int
) -> DriftReport:
    """The report with a hop to a device for each target that it runs."""
    from edgebench.benchmarks.runs.device_outputs import outputs
    from edgebench.converters.export.export import export_all

    report = found.report
    made = {one.target for one in report.targets if one.failure is None}
    wanted = [one for one in request.targets if str(one) in made and one.format in device.formats]
    with device.reserved(), tempfile.TemporaryDirectory() as runs:
        asked = replace(request, targets=tuple(wanted))
        exports, failure = export_all([asked], jobs, progress)
        if failure is not None:
            raise failure
        files = {
            str(target): one.path.name
            for target, one in zip(wanted, exports[0].artifacts, strict=True)
        }
        precisions = [target.precision for target in wanted]
        images = max(hop.images for hop in report.hops)
        there = outputs(request.out, request.name, precisions, device, images, Path(runs), progress)
    targets = tuple(_with_device(device.name, one, found, there, files) for one in report.targets)
    return replace(report, targets=targets)


def _with_device(
    name: str,
    target: TargetDrift,
    found: Drifted,
    there: Mapping[str, Outputs],
    files: Mapping[str, str],
) -> TargetDrift:
    from edgebench.converters.drift.chain import device_hop

    outputs = there.get(files.get(target.target, ""))
    here = [hop.name for hop in target.hops if hop.name in found.kept]
    if outputs is None or not here:
        return target
    first = found.report.hops[0].name
    before, source = (here[-1], found.kept[here[-1]]), (first, found.kept[first])
    hop = device_hop(f"on {name}", outputs, before, source, found.read)
    return replace(target, hops=(*target.hops, hop))
