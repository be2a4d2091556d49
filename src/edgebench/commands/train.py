"""`edgebench train`: train a model, by the paper's recipe unless told otherwise."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from pathlib import Path

from edgebench import arguments, console

HELP = "train a model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model of the zoo")
    add("--data", default="scenes", metavar="scenes|imagefolder:PATH", help="what to train on")
    add("--out", type=Path, default=Path("checkpoints"), metavar="DIR", help="where weights go")
    add("--epochs", type=arguments.positive, default=200, metavar="N", help="passes over the data")
    add("--batch-size", type=arguments.positive, default=256, metavar="N", help="of all processes")
    add("--learning-rate", type=float, default=0.05, metavar="X", help="where the cosine starts")
    add("--momentum", type=float, default=0.9, metavar="X", help="of SGD")
    add("--weight-decay", type=float, default=4e-5, metavar="X", help="of all parameters")
    add("--dropout", type=float, default=0.2, metavar="X", help="before the classifier")
    add(
        "--scenes-per-epoch", type=arguments.positive, default=12_800, metavar="N", help="if scenes"
    )
    add("--seed", type=int, default=0, help="of weights, data and order")
    add("--init", type=Path, metavar="FILE", help="weights to start from")
    add("--resume", action="store_true", help="go on after the last finished epoch")
    add("--workers", type=arguments.positive, default=2, metavar="N", help="threads that decode")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to train")


def execute(options: argparse.Namespace) -> int:
    with arguments.needs("train"):
        from edgebench.models.train import TrainConfig, train

    names = {field.name for field in fields(TrainConfig)}
    config = TrainConfig(**{k: v for k, v in vars(options).items() if k in names})
    with console.shown_progress() as progress:
        result = train(config, progress)
    if os.environ.get("RANK", "0") != "0":  # torchrun's first process speaks for all.
        return 0
    print(result.weights)
    if result.accuracy is not None:
        found = result.accuracy
        console.say(
            f"top-1 {100 * found.top1:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}] "
            f"on {found.count} test images"
        )
    return 0
