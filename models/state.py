"""What an interrupted training goes on from: one file, replaced whole."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgebench import documents
from edgebench.errors import InvalidFileError
from edgebench.models.manifest import EpochLog


@dataclass
class TrainingProgress:
    """How far a training is: the log of the epochs that are done, and the one under way.

    `step` of its steps are done, `losses` is the sum of their losses, and `random` the state of
    torch's random numbers after them.
    """

    log: list[EpochLog] = field(default_factory=list)
    step: int = 0
    losses: float = 0.0
    random: Tensor | None = None


def save(
    path: Path,
    identity: str,
    module: nn.Module,
    average: nn.Module | None,
    optimizer: torch.optim.SGD,
    done: TrainingProgress,
) -> None:
    """Write the state. `identity` is what a training that goes on from it must have in common."""
    contents = {
        "identity": identity,
        "module": module.state_dict(),
        "average": None if average is None else average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "log": [(entry.epoch, entry.loss, entry.learning_rate) for entry in done.log],
        "step": done.step,
        "losses": done.losses,
        "random": done.random,
    }
    write(path, contents)


def write(path: Path, contents: Mapping[str, Any]) -> None:
    """Replace a file of tensors and plain values whole. Raises `UnwritableError`."""
    made = io.BytesIO()
    torch.save(contents, made)  # Of a full disk it would say nothing that can be understood.
    with documents.replacing(path) as temporary:
        temporary.write_bytes(made.getbuffer())


def load(
    path: Path,
    identity: str,
    module: nn.Module,
    average: nn.Module | None,
    optimizer: torch.optim.SGD,
) -> TrainingProgress:
    """Fill networks and optimizer, and tell how far the training is.

    Raises `InvalidFileError` for a file that is no state, or one of another training.
    """
    device = next(module.parameters()).device
    try:
        contents = torch.load(path, map_location=device, weights_only=True)
        found = contents["identity"]
    except Exception as error:  # the unpickler raises nearly anything on foreign bytes
        detail = str(error).partition("\n")[0]
        raise InvalidFileError(
            f"{path} is not a training state: {detail}", "train without --resume"
        ) from error
    if found != identity:
        raise InvalidFileError(
            f"{path} comes from another training: {found}; this is {identity}",
            "train with its settings, or without --resume",
        )
    module.load_state_dict(contents["module"])
    if average is not None:
        average.load_state_dict(contents["average"])
    optimizer.load_state_dict(contents["optimizer"])
    log = [EpochLog(*entry) for entry in contents["log"]]
    random = contents.get("random")
    return TrainingProgress(
        log,
        contents.get("step", 0),
        contents.get("losses", 0.0),
        None if random is None else random.cpu(),
    )
