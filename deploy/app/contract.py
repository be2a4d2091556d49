"""The sample app as a runner: what the Android and the iOS app have in common, seen from here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class AppOutput:
    """What `changes.jsonl` holds from an offset on, and whether the app was still there before."""

    text: str
    running: bool


class App(Protocol):
    """The sample app on one device, with the folder of one run there."""

    @property
    def where(self) -> str:
        """The app and its device, for sentences."""
        ...

    @property
    def install(self) -> str:
        """How to install the app, for remedies."""
        ...

    @property
    def poll_s(self) -> float:
        """How long to wait between two looks; a look disturbs what is measured."""
        ...

    def start(self, result: Path | None) -> None:
        """Start it on the run, with the result so far, if any. Raises `DeviceError`."""
        ...

    def stop(self) -> None:
        """End it at once, if it runs. Raises `DeviceError`."""
        ...

    def read_output(self, offset: int) -> AppOutput:
        """What it wrote since, from a byte of the file on. Raises `DeviceError`."""
        ...

    def fetch(self, name: str, target: Path, size_bytes: int) -> None:
        """Copy a file of that size, by its path in the app's folder of the run, to one here.

        Raises `DeviceError`.
        """
        ...
