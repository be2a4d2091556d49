"""What trainings of trials achieved: a file with a line of JSON for each, which only grows."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from edgebench.documents import decode
from edgebench.errors import InvalidFileError, UnwritableError

FILE = Path(__file__).parent / "records.jsonl"
"""The trainings that edgebench's own table is made of."""


@dataclass(frozen=True)
class TrialRecord:
    """One training that ended. `recipe_sha256` is that of `TrialRecipe`, which has its version.

    `answers_sha256` is over the predicted classes of all test images. `loss` is that of the last
    steps, `took_s` processor time, or a share of the wall-clock time of all that a GPU trained
    together. `tools` has the versions it was trained with.
    """

    recipe: str
    recipe_sha256: str
    kind: str
    seed: int
    correct: int
    count: int
    answers_sha256: str
    loss: float
    took_s: float
    device: str
    tools: dict[str, str]

    @property
    def top1(self) -> float:
        """A share."""
        return self.correct / self.count


def load(path: Path) -> list[TrialRecord]:
    """The records of a file, in order; none where there is no file.

    A last line without an end was cut off when its writer was killed, and is left out. Raises
    `InvalidFileError` for any other line that is no record.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InvalidFileError(f"cannot read {path}: {error.strerror}", "check it") from error
    found = []
    for number, line in enumerate(text.split(b"\n")[:-1], start=1):
        if not line.strip():
            continue
        try:
            found.append(decode(line, TrialRecord))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidFileError(
                f"line {number} of {path} is no record of a training: {error}",
                "remove the line; its training is then done again",
            ) from error
    return found


def append(path: Path, record: TrialRecord) -> None:
    """Add a record, in the place of a line that a killed writer left without an end.

    Raises `UnwritableError`.
    """
    line = json.dumps(asdict(record)).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            _remove_cut_line(file.fileno(), path)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UnwritableError(f"cannot write {path}: {error.strerror}", "free space") from error


def _remove_cut_line(descriptor: int, path: Path) -> None:
    text = path.read_bytes()
    if text and not text.endswith(b"\n"):
        os.ftruncate(descriptor, text.rfind(b"\n") + 1)
