"""`edgebench train`: train a model, by the paper's recipe unless told otherwise."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from edgebench import arguments, console
from edgebench.models.train_config import TrainConfig

HELP = "train a model, by default with the paper's recipe"

EXAMPLES = """\
  edgebench train scenes_v2_ca --epochs 30     on the generated scenes
  edgebench train mobilenet_v2_ca --data imagefolder:imagenet/
  edgebench train ssdlite_mobilenet_v2_ca \\
      --data coco:train2017,instances_train2017.json
  edgebench train scenes_v2_ca --qat           fine-tune it to be quantised
  torchrun --nproc-per-node 2 -m edgebench.cli train mobilenet_v2_ca
"""

QAT_EPOCHS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [options] MODEL"
    add = arguments.adder(parser, TrainConfig)
    add("model", metavar="MODEL", help="model of the zoo")
    help_ = "training data: scenes, imagefolder:PATH, or for a head coco:... or voc:PATH"
    add("--data", metavar="DATA", help=help_)
    add("--out", type=Path, metavar="DIR", help="folder for the weights")
    add("--resume", action="store_true", help="continue an interrupted training")
    add("--init", type=Path, metavar="FILE", help="weights to start from")
    add("--device", choices=("auto", "cpu", "cuda"), help="processor to train on")
    help_ = "threads that decode images of an image folder"
    add("--workers", type=arguments.positive, metavar="N", help=help_)
    help_ = "numbers to compute in; auto is bfloat16 on a GPU that has it"
    add("--precision", choices=("auto", "float32", "bfloat16"), help=help_)
    help_ = "time after which the state is also written within an epoch"
    add("--save-every", type=arguments.seconds, metavar="TIME", help=help_)

    add = arguments.adder(parser.add_argument_group("recipe"), TrainConfig)
    help_ = f"passes over the data; with --qat {QAT_EPOCHS}"
    add("--epochs", type=arguments.positive, metavar="N", help=help_)
    help_ = "batch size of all processes together"
    add("--batch-size", type=arguments.positive, metavar="N", help=help_)
    help_ = "learning rate at the start of the cosine schedule (default: the papers')"
    add("--learning-rate", type=float, metavar="X", help=help_)
    add("--momentum", type=float, metavar="X", help="momentum of SGD")
    add("--weight-decay", type=float, metavar="X", help="weight decay of all parameters")
    add("--dropout", type=float, metavar="X", help="dropout before the classifier")
    help_ = "images per epoch of the generated scenes"
    add("--scenes-per-epoch", type=arguments.positive, metavar="N", help=help_)
    help_ = "share of each label that all classes get"
    add("--label-smoothing", type=float, metavar="X", help=help_)
    help_ = "chance that an image loses a rectangle"
    add("--random-erasing", type=float, metavar="X", help=help_)
    help_ = "keep a moving average of the weights with this decay, such as 0.9999"
    add("--average-decay", type=float, metavar="X", help=help_)
    help_ = "fine-tune trained weights (--init, or those that come with edgebench) to be int8"
    add("--qat", action="store_true", help=help_)
    add("--seed", type=int, metavar="N", help="seed for weights, data and order")


def options(namespace: argparse.Namespace) -> TrainConfig:
    # Rounding is learned in few epochs.
    few = {"epochs": QAT_EPOCHS} if namespace.qat and namespace.epochs is None else {}
    return arguments.read(TrainConfig, namespace, **few)


def execute(options: TrainConfig) -> int:
    with arguments.needs("train"):
        from edgebench.models.train import train
    from edgebench import tasks
    from edgebench.models import registry

    with console.shown_progress() as progress:
        result = train(options, progress)
    if os.environ.get("RANK", "0") != "0":  # torchrun's first process speaks for all.
        return 0
    print(result.weights)
    if result.speed is not None:
        speed = result.speed
        console.say(
            f"reading alone {speed.reading_per_s:.0f} images/s, training "
            f"{speed.training_per_s:.0f} images/s: {1000 * speed.step_s:.0f} ms a step, "
            f"{speed.waiting:.0%} of it waiting for images"
        )
    if result.accuracy is not None:
        found = result.accuracy
        console.say(
            f"top-1 {100 * found.top1:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}] "
            f"on {found.count} test images"
        )
    if result.score is not None:
        columns = tasks.get(registry.get(options.model).task).figures
        figures = ((column, result.score.figures[column.id]) for column in columns)
        shown = ", ".join(
            f"{column.heading} {100 * one.value:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]"
            for column, one in figures
        )
        console.say(f"{shown} on {result.score.images} test images")
    return 0
