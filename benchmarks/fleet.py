"""A fleet: several devices measured side by side, each in a run folder of its own.

The fleet's folder lies beside those of its members and holds

    fleet.json    what was asked of every device, its run folder, and why it failed if it did

What the devices say is nowhere else than in their run folders, which are ordinary ones.

Devices run at the same time, a thread each. Two names that lead to one physical device take turns.
So does this machine, after all others: while they run, its processor serves their connections and
computes their statistics, and would be measured doing so.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from edgebench.benchmarks import history
from edgebench.benchmarks import run as runs
from edgebench.benchmarks.comparison import Comparison
from edgebench.benchmarks.request import RunRequest
from edgebench.deploy.device import Device
from edgebench.deploy.local import THIS_MACHINE
from edgebench.deploy.staging import RESULT
from edgebench.documents import load, save
from edgebench.errors import DataError, DeviceError, EdgeBenchError
from edgebench.progress import Progress

FLEET = "fleet.json"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Member:
    """One device of a fleet.

    `run` names its run folder, None where it did not come to that. `failure` and `remedy` are why
    it did not carry out its plan, None where it did or was interrupted.
    """

    request: RunRequest
    run: str | None = None
    failure: str | None = None
    remedy: str = ""

    @property
    def device(self) -> str:
        return self.request.device


@dataclass(frozen=True)
class Fleet:
    """What was asked of the devices, in the order in which they were named."""

    SCHEMA: ClassVar[str] = "edgebench.fleet/1"

    started: str
    command: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class MemberComparison:
    """What one device of a fleet says; `comparison` is None where nothing was measured."""

    device: str
    run: str | None
    failure: str | None
    remedy: str
    comparison: Comparison | None


@dataclass(frozen=True)
class FleetComparison:
    """What the devices of a fleet say, in one document."""

    SCHEMA: ClassVar[str] = "edgebench.fleet-comparison/1"

    fleet: str
    started: str
    command: str
    threshold: float
    members: tuple[MemberComparison, ...]

    @property
    def measured(self) -> tuple[Comparison, ...]:
        """The comparisons that there are."""
        return tuple(one.comparison for one in self.members if one.comparison is not None)

    def forced(self) -> FleetComparison:
        """See `Comparison.forced`."""
        members = (
            replace(one, comparison=one.comparison.forced() if one.comparison else None)
            for one in self.members
        )
        return replace(self, members=tuple(members))


def new(requests: Sequence[RunRequest], out: Path, command: str = "") -> Path:
    """Make a fleet's folder, for one request a device. Raises `UnwritableError`."""
    folder = runs.new_folder(out, "fleet")
    started = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    members = tuple(Member(request) for request in requests)
    save(folder / FLEET, Fleet(started, command, members))
    return folder


def is_fleet(folder: Path) -> bool:
    return (folder / FLEET).exists()


def names(folder: Path) -> tuple[str, ...]:
    """The devices of a fleet. Raises `InvalidFileError`."""
    return tuple(member.device for member in load(folder / FLEET, Fleet).members)


def latest(out: Path) -> Path:
    """The newest fleet's folder. Raises `DataError`."""
    folders = sorted(path.parent for path in out.glob(f"*/{FLEET}"))
    if not folders:
        raise DataError(
            f"there is no run of several devices in {out}",
            "start one: edgebench run --device A --device B",
        )
    return folders[-1]


def of_member(run: Path) -> Path | None:
    """The folder of the fleet that a run folder belongs to, if any. Raises `InvalidFileError`."""
    for path in sorted(run.parent.glob(f"*/{FLEET}"), reverse=True):
        if any(member.run == run.name for member in load(path, Fleet).members):
            return path.parent
    return None


def read(folder: Path) -> FleetComparison:
    """What the members say of which anything is measured. Raises `InvalidFileError`."""
    fleet = load(folder / FLEET, Fleet)
    return FleetComparison(
        fleet=folder.name,
        started=fleet.started,
        command=fleet.command,
        threshold=fleet.members[0].request.threshold,
        members=tuple(
            MemberComparison(
                one.device, one.run, one.failure, one.remedy, _comparison(folder.parent, one)
            )
            for one in fleet.members
        ),
    )


def _comparison(out: Path, member: Member) -> Comparison | None:
    if member.run is None:
        return None
    folder = out / member.run
    there = any((folder / name).exists() for name in (RESULT, runs.COMPARISON))
    return history.judged(folder) if there else None


class Expedition:
    """A fleet on its way: carries out what is left of its members' runs.

    `devices` are by name. Everything is called from several threads at once: `progress`, whose
    steps name the device, and `say`, which gets what there is to know at once.
    """

    def __init__(
        self, folder: Path, devices: Mapping[str, Device], progress: Progress, say: Say
    ) -> None:
        self.folder = folder
        self.interrupted = False
        self._fleet = load(folder / FLEET, Fleet)
        self._devices = devices
        self._progress = progress
        self._say = say
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._bugs: list[BaseException] = []

    def go(self) -> None:
        """Carry out all that is left; one device that fails does not stop the others.

        On Ctrl-C every device stops in good order, and `interrupted` is set; a second one leaves
        at once. Raises whatever is no `EdgeBenchError`, after all have ended.
        """
        lanes: dict[str, list[str]] = {}
        for member in self._fleet.members:
            lanes.setdefault(self._identity(member.device), []).append(member.device)
        here = lanes.pop(THIS_MACHINE, [])
        if here and lanes:
            self._say(f"{' and '.join(here)} will be measured after the others, not beside them")
        self._side_by_side(lanes.values())
        self._side_by_side([here])
        if self._bugs:
            raise self._bugs[0]

    def _identity(self, name: str) -> str:
        try:
            return self._devices[name].identity
        except DeviceError:
            return f"unknown: {name}"  # `held` will say why.

    def _side_by_side(self, lanes: Iterable[list[str]]) -> None:
        # Daemons, so that a second Ctrl-C need not wait for a device that does not answer.
        threads = [
            threading.Thread(target=self._one_by_one, args=(names,), daemon=True) for names in lanes
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            self.interrupted = True
            self._stop.set()
            self._say("stopping; what is measured is kept")
            for thread in threads:
                thread.join()

    def _one_by_one(self, names: Sequence[str]) -> None:
        for name in names:
            if not self._stop.is_set():
                self._measure(name)

    def _measure(self, name: str) -> None:
        try:
            with self._devices[name].held():
                self._carry_out(name)
        except KeyboardInterrupt:
            self._stop.set()
            self.interrupted = True
        except EdgeBenchError as error:
            self._change(name, failure=error.message, remedy=error.remedy)
            self._say(f"{name}: {error.message}" + (f"\n  -> {error.remedy}" * bool(error.remedy)))
        except BaseException as bug:
            self._bugs.append(bug)

    def _carry_out(self, name: str) -> None:
        device, member = self._devices[name], self._member(name)

        def progress(step: str, done: int, total: int) -> None:
            if self._stop.is_set():
                raise KeyboardInterrupt
            self._progress(f"{name}: {step}", done, total)

        if member.run is None:
            folder = runs.prepare(member.request, device, progress)
        else:
            folder = self.folder.parent / member.run
        self._change(name, run=folder.name, failure=None, remedy="")
        forecast = runs.plan_ahead(folder, device, progress)
        for sentence in (forecast.sentence, *forecast.warnings):
            self._say(f"{name}: {sentence}")
        runs.carry_out(folder, device, progress, self._fleet.command)

    def _member(self, name: str) -> Member:
        return next(one for one in self._fleet.members if one.device == name)

    def _change(self, name: str, **changes: str | None) -> None:
        """Change what the fleet's file says of a member."""
        with self._writing:
            members = (
                replace(one, **changes) if one.device == name else one  # type: ignore[arg-type]
                for one in self._fleet.members
            )
            self._fleet = replace(self._fleet, members=tuple(members))
            save(self.folder / FLEET, self._fleet)
