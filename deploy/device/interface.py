"""What a device is to everybody who measures with one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from edgebench.deploy.documents.result import RunResult
from edgebench.progress import Progress


@dataclass(frozen=True)
class CheckStep:
    """One step of checking a device: what was looked at, what was found, how to mend it.

    `state` is "ok", "missing" (a run is impossible without it), "note" (a run is possible, but
    worse off), or "skipped" (an earlier step has to work first).
    """

    name: str
    state: Literal["ok", "missing", "note", "skipped"]
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class AttachedDevice:
    """A device that a transport sees now, for `edgebench devices`.

    `name` is its entry's in the registry, None where it matches none; `identity` is what tells it
    from others (a serial); `state` is for people, "ready" where it can be used; `model` is what an
    entry's `match` would have to say.
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
        """The physical thing that it is, for locks: two names may lead to one.

        It is found without disturbing the device. Raises `DeviceError` where it cannot be told,
        as of a phone that is not attached.
        """
        ...

    @property
    def description(self) -> str: ...

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that it can run at all, whether or not their runtimes are installed."""
        ...

    def reserved(self) -> AbstractContextManager[None]:
        """Hold the device for several runs: nobody else gets it, and it is tidied up in the end.

        Raises `DeviceError` where somebody else has it.
        """
        ...

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """Carry out what is left of the folder's plan, and return all that is measured so far.

        Leaves `result.json` and `outputs/` in the folder, as they come. On Ctrl-C it returns
        what there is, with `complete` false. Raises `DeviceError`.
        """
        ...

    def check(self) -> Iterator[CheckStep]:
        """Look, step by step, whether a run can work. Measures nothing and leaves nothing."""
        ...


@runtime_checkable
class Preparable(Protocol):
    """A device that edgebench can set up itself: `edgebench devices prepare`."""

    def prepare(self, progress: Progress) -> None:
        """Install what runs need there, in a folder of its own. Raises `EdgeBenchError`.

        What is installed already is not installed again.
        """
        ...


@runtime_checkable
class Cleanable(Protocol):
    """A device that edgebench may have left things on: `edgebench devices clean`."""

    def clean(self) -> str:
        """Remove all that edgebench left there, and say what. Raises `EdgeBenchError`."""
        ...


@runtime_checkable
class InstructionCounting(Protocol):
    """A device whose time means nothing: it counts, for each artifact, what an inference takes.

    The counts come in `EvaluationResult.instructions`. Its plans have no blocks, and its results
    no time.
    """

    @property
    def counts(self) -> Literal["instructions"]: ...
