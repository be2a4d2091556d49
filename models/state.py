"""What an interrupted training goes on from: one file, replaced whole after each epoch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from edgebench import documents
from edgebench.errors import InvalidFileError
from edgebench.models.manifest import EpochLog


def save(
    path: Path, identity: str, module: nn.Module, optimizer: torch.optim.SGD, log: list[EpochLog]
) -> None:
    """Write the state. `identity` is what a training that goes on from it must have in common."""
    contents = {
        "identity": identity,
        "module": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "log": [(entry.epoch, entry.loss, entry.learning_rate) for entry in log],
    }
    with documents.replacing(path) as temporary:
        torch.save(contents, temporary)


def load(
    path: Path, identity: str, module: nn.Module, optimizer: torch.optim.SGD
) -> list[EpochLog]:
    """Fill network and optimizer, and give the log of the epochs that are done.

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
    optimizer.load_state_dict(contents["optimizer"])
    return [EpochLog(*entry) for entry in contents["log"]]
