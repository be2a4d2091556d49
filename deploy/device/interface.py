"""The interface of a device, for everything that measures on one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from edgebench.deploy.documents.result import RunResult
from edgebench.progress import Progress


@dataclass(frozen=True)
class CheckStep:
    """One step of checking a device: what was checked, what was found, how to fix it.

    `state` is "ok", "missing" (a run is not possible), "note" (a run is possible, but not at its
    best), or "skipped" (an earlier step has to work first).
    """

    name: str
    state: Literal["ok", "missing", "note", "skipped"]
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class AttachedDevice:
    """A device that a transport sees now, for `edgebench devices`.

    `name` is the name of its entry in the registry, None if no entry matches. `identity`
    identifies the device (a serial). `state` is for people, "ready" if it can be used. `model` is
    the value for `match` in an entry.
    """

    name: str | None
    identity: str
    state: str
    model: str = ""


class Device(Protocol):
    """Something that carries out the plan of a run folder (see `documents.staging`)."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str:
        """The physical device, for locks: two names may mean the same one.

        Finding it does not disturb the device. Raises `DeviceError` if it cannot be found out, such
        as for a phone that is not attached.
        """
        ...

    @property
    def description(self) -> str: ...

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that it can run, whether or not their runtimes are installed."""
        ...

    def reserved(self) -> AbstractContextManager[None]:
        """Reserve the device for several runs, and clean up at the end.

        Raises `DeviceError` if another process has it.
        """
        ...

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """Carry out what is left of the folder's plan, and return everything measured so far.

        Writes `result.json` and `outputs/` in the folder during the run. On Ctrl-C it returns what
        there is, with `complete` false. Raises `DeviceError`.
        """
        ...

    def check(self) -> Iterator[CheckStep]:
        """Check step by step whether a run can work. Measures nothing and leaves nothing behind."""
        ...


@dataclass(frozen=True)
class Invitation:
    """What a person opens on a device to bring it here: addresses, any of which will do.

    `port` is the port on this machine that they lead to. `here_only` says that they lead here
    from this machine alone.
    """

    addresses: tuple[str, ...]
    port: int
    here_only: bool


@runtime_checkable
class Inviting(Protocol):
    """A device that somebody has to bring here, such as a browser that opens an address."""

    def invited(self, takes: str) -> AbstractContextManager[Invitation]:
        """Be open to the device for as long as the block takes. `takes` says how long that may be.

        Raises `DeviceError` and `UsageError`.
        """
        ...

    def shown(self, plot: Any) -> None:
        """Show on the device what is found so far, as `benchmarks.report.page` gives it."""
        ...

    def ended(self, title: str, text: str) -> None:
        """Show on the device that the run has ended, and how."""
        ...


@runtime_checkable
class Preparable(Protocol):
    """A device that edgebench can set up itself: `edgebench devices prepare`."""

    def prepare(self, progress: Progress) -> None:
        """Install what runs need, in a separate folder on the device. Raises `EdgeBenchError`.

        Packages that are already installed are not installed again.
        """
        ...


@runtime_checkable
class Cleanable(Protocol):
    """A device that edgebench may have left things on: `edgebench devices clean`."""

    def clean(self) -> str:
        """Remove everything that edgebench left there; says what. Raises `EdgeBenchError`."""
        ...


@runtime_checkable
class Untimed(Protocol):
    """A device whose times mean nothing: it computes outputs, and may count something instead.

    The counts are in `EvaluationResult.instructions`. Its plans have no blocks and its results no
    times.
    """

    @property
    def counts(self) -> Literal["instructions"] | None: ...
