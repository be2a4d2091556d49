"""What a trained checkpoint says of itself: `NAME.json` beside `NAME.safetensors`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edgebench import documents
from edgebench.errors import InvalidFileError
from edgebench.tasks.score import Score

SHIPPED = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True)
class Accuracy:
    """Top-1 on a test set of `count` images, with its 95 % Wilson interval, as fractions."""

    top1: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class EpochLog:
    """Mean training loss of one epoch and the learning rate at its end."""

    epoch: int
    loss: float
    learning_rate: float


@dataclass(frozen=True)
class Checkpoint:
    """How a checkpoint came to be, and what it achieves.

    `accuracy` is absent where there was no test set. Of a model that does not classify `score` has
    the figures of its task instead, on its test set.
    """

    SCHEMA: ClassVar[str] = "edgebench.checkpoint/1"

    model: str
    command: str
    seed: int
    data: str
    recipe_sha256: str
    epochs: int
    accuracy: Accuracy | None
    tools: dict[str, str]
    weights_sha256: str
    log: list[EpochLog]
    score: Score | None = None


def shipped(stem: str) -> Path | None:
    """The weights of a shipped checkpoint, or None where this installation has none."""
    path = SHIPPED / f"{stem}.safetensors"
    return path if path.exists() else None


def of(weights: Path) -> Checkpoint | None:
    """The manifest beside a weights file, or None where there is none.

    Raises `InvalidFileError` for one that cannot be read.
    """
    path = weights.with_suffix(".json")
    return documents.load(path, Checkpoint) if path.exists() else None


def check(record: Checkpoint, weights: Path) -> None:
    """Raise `InvalidFileError` for weights that are not those of the manifest."""
    if documents.sha256(weights) != record.weights_sha256:
        raise InvalidFileError(
            f"{weights} is not the file that {weights.with_suffix('.json').name} describes",
            "get both again, or remove the .json to use the weights without its claims",
        )
