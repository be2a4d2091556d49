"""What `export` and `drift` share: one model or file of the user's, its data, and its targets."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench import arguments

if TYPE_CHECKING:
    from edgebench.converters.export.request import ExportRequest
    from edgebench.converters.mending.budget import Budget
    from edgebench.converters.precision import RangeMethod
    from edgebench.converters.targets import Target
    from edgebench.models.data.pictures import Resize

MODEL = "model of the zoo, ONNX file, or package.module:factory that returns a torch module"

Shapes = Mapping[str, tuple[int, ...]] | tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Where a model comes from, and what data it is calibrated and compared on; see
    `ExportRequest`."""

    command_line: str = ""
    to: tuple[str, ...] = ("tflite:fp32",)
    out: Path = Path("artifacts")
    weights: Path | None = None
    calibration: str | None = None
    data: str | None = None
    evaluation: str | None = None
    ranges: RangeMethod | None = None
    task: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    resize: Resize | None = None
    input_shapes: Shapes | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    labels: Path | None = None
    raw_outputs: bool = False
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)


def add_target(add: Any) -> None:
    """`add` is what `arguments.adder` gives; see there."""
    help_ = "targets, such as tflite:int8, tflite:MIX.json, tflite:all or all; may be repeated"
    add("--to", action="extend", type=arguments.names, metavar="FORMAT[:PRECISION],...", help=help_)


def add_model(parser: argparse.ArgumentParser, kind: type) -> None:
    """The options that say what the model is."""
    group = parser.add_argument_group("model")
    add = arguments.adder(group, kind)
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
    help_ = "leave out the post-processing of the zoo's detectors and segmenters"
    add("--raw-outputs", action="store_true", help=help_)


def add_data(parser: argparse.ArgumentParser, kind: type) -> None:
    """The options that say what it is calibrated and evaluated on."""
    from edgebench.converters.precision import METHODS

    group = parser.add_argument_group(
        "data",
        "DATA is imagefolder:PATH, coco:IMAGES,ANNOTATIONS.json, voc:PATH, npz:PATH (arrays by the "
        "names of the inputs) or scenes.",
    )
    add = arguments.adder(group, kind)
    help_ = "labelled images: one part sets the int8 ranges, the other measures the accuracy"
    add("--data", metavar="DATA", help=help_)
    help_ = "images that set the int8 ranges: DATA, a folder of images or .npz files, or random"
    add("--calibration", metavar="DATA|DIR|random", help=help_)
    add("--evaluation", metavar="DATA", help="labelled images that measure the accuracy")
    help_ = "how int8 ranges are chosen from them (default: what does best on other images)"
    add("--ranges", choices=METHODS, help=help_)
    help_ = "how images are brought to the input's size (default: crop; coco and voc: stretch)"
    add("--resize", choices=("crop", "stretch", "pad"), help=help_)


def budget(text: str) -> Budget:
    """What a file may lose, from words such as 0.5% or 20dB."""
    from edgebench.converters.mending.budget import Budget

    try:
        return Budget.read(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is neither a share such as 0.5% nor an SNR such as 20dB"
        ) from None


def request(
    options: SourceOptions, source: str, targets: tuple[Target, ...], **more: Any
) -> ExportRequest:
    """What is asked of one model; `more` are further fields of the request."""
    from edgebench.converters.export.request import ExportRequest

    return ExportRequest(
        source=source,
        targets=targets,
        out=options.out,
        weights=options.weights,
        calibration=options.calibration,
        data=options.data,
        evaluation=options.evaluation,
        ranges=options.ranges,
        task=options.task,
        outputs=options.outputs,
        resize=options.resize,
        input_shapes=options.input_shapes,
        mean=options.mean,
        std=options.std,
        labels=options.labels,
        raw_outputs=options.raw_outputs,
        command=options.command_line,
        **more,
    )
