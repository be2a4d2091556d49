"""The sample app as a runner: what the host knows about the Android and the iOS app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class AppOutput:
    """The content of `changes.jsonl` from an offset on, and whether the app still ran before."""

    text: str
    running: bool


class App(Protocol):
    """The sample app on one device, with the folder of one run there."""

    @property
    def where(self) -> str:
        """The app and its device, for messages."""
        ...

    @property
    def install(self) -> str:
        """How to install the app, for messages."""
        ...

    @property
    def poll_s(self) -> float:
        """How long to wait between two reads; a read disturbs the measurement."""
        ...

    def start(self, result: Path | None) -> None:
        """Start it on the run, with the result so far if there is one. Raises `DeviceError`."""
        ...

    def stop(self) -> None:
        """Stop it at once, if it runs. Raises `DeviceError`."""
        ...

    def read_output(self, offset: int) -> AppOutput:
        """What it has written, from an offset in bytes on. Raises `DeviceError`."""
        ...

    def fetch(self, name: str, target: Path, size_bytes: int) -> None:
        """Copy a file of that size from the app's folder of the run to a path on this machine.

        Raises `DeviceError`.
        """
        ...
