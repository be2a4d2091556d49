"""What the benchmark of drift found out about one file, kept so that it goes on from there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edgebench.estimate import Estimate


@dataclass(frozen=True)
class BenchEntry:
    """One file beside the model that it was made from.

    `tool` made it in `made_s` seconds, `settings` being what it was asked for. `snr_db` is that of
    the worst output in exact arithmetic, None where there is no error. `kernels_db` is that of what
    this processor's kernels make of it. `agreement` is the share of images that both answer
    alike, and `figure` the task's first, with its value and its paired difference. `note` is what
    was done, and `failure` why there is no file.
    """

    SCHEMA: ClassVar[str] = "edgebench.bench-drift/1"

    fingerprint: str
    model: str
    target: str
    tool: str
    made_s: float
    images: int = 0
    snr_db: float | None = None
    kernels_db: float | None = None
    agreement: Estimate | None = None
    figure: str | None = None
    value: Estimate | None = None
    difference: Estimate | None = None
    note: str = ""
    failure: str | None = None


@dataclass(frozen=True)
class Contest:
    """Where the files and entries of one model and target lie."""

    folder: Path
    extension: str

    def file(self, tool: str) -> Path:
        return self.folder / f"{tool}.{self.extension}"

    def entry(self, tool: str) -> Path:
        return self.folder / f"{tool}.json"


def environment() -> Mapping[str, str]:
    """That of a peer's process: one thread, as everywhere here."""
    return os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
