"""Runs a fleet: its devices carry out what is left of their runs, in parallel.

Devices run at the same time, each in a thread. Two names of one physical device take turns. This
machine is measured last and alone, because until then its processor serves the connections to the
others and computes their statistics.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from edgebench.benchmarks.planning.sizing import Forecast
from edgebench.benchmarks.runs import run as runs
from edgebench.benchmarks.runs.fleet import FLEET, Fleet, Member
from edgebench.deploy.device.interface import Device
from edgebench.deploy.transports.local import THIS_MACHINE
from edgebench.documents import load, save
from edgebench.errors import DeviceError, EdgeBenchError
from edgebench.progress import Progress


class Listener(Protocol):
    """Is told what happens, as it happens."""

    def postponed(self, devices: Sequence[str]) -> None:
        """These are measured after all others, not in parallel."""

    def planned(self, device: str, forecast: Forecast) -> None:
        """A device's pilot is done."""

    def failed(self, device: str, error: EdgeBenchError) -> None:
        """A device could not carry out its plan."""

    def stopping(self) -> None:
        """Ctrl-C was pressed, and all devices are stopping."""


class FleetRunner:
    """Carries out what is left of a fleet's runs.

    `devices` are by name. `progress`, whose steps name the device, and `listener` are called from
    several threads at once.
    """

    def __init__(
        self, folder: Path, devices: Mapping[str, Device], progress: Progress, listener: Listener
    ) -> None:
        self.folder = folder
        self.interrupted = False
        self._fleet = load(folder / FLEET, Fleet)
        self._devices = devices
        self._progress = progress
        self._listener = listener
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._bugs: list[BaseException] = []

    def run(self) -> None:
        """Carry out all that is left; one device that fails does not stop the others.

        On Ctrl-C every device stops cleanly, and `interrupted` is set; a second Ctrl-C exits at
        once. Raises any error that is not an `EdgeBenchError`, after all have ended.
        """
        lanes: dict[str, list[str]] = {}
        for member in self._fleet.members:
            lanes.setdefault(self._identity(member.device), []).append(member.device)
        here = lanes.pop(THIS_MACHINE, [])
        if here and lanes:
            self._listener.postponed(here)
        self._side_by_side(lanes.values())
        self._side_by_side([here])
        if self._bugs:
            raise self._bugs[0]

    def _identity(self, name: str) -> str:
        try:
            return self._devices[name].identity
        except DeviceError:
            return f"unknown: {name}"  # `reserved` will say why.

    def _side_by_side(self, lanes: Iterable[list[str]]) -> None:
        # Daemons, so that a second Ctrl-C need not wait for a device that does not answer. They are
        # not joined: a join that Ctrl-C interrupts takes the thread for ended (CPython's gh-90882).
        begun: list[threading.Event] = []
        try:
            for names in lanes:
                begun.append(threading.Event())
                lane = threading.Thread(target=self._lane, args=(names, begun[-1]), daemon=True)
                lane.start()
            for ended in begun:
                ended.wait()
        except KeyboardInterrupt:
            self.interrupted = True
            self._stop.set()
            self._listener.stopping()
            for ended in begun:
                ended.wait()

    def _lane(self, names: Sequence[str], ended: threading.Event) -> None:
        try:
            self._one_by_one(names)
        finally:
            ended.set()

    def _one_by_one(self, names: Sequence[str]) -> None:
        for name in names:
            if not self._stop.is_set():
                self._measure(name)

    def _measure(self, name: str) -> None:
        try:
            with self._devices[name].reserved():
                self._carry_out(name)
        except KeyboardInterrupt:
            self._stop.set()
            self.interrupted = True
        except EdgeBenchError as error:
            self._change(name, failure=error.message, remedy=error.remedy)
            self._listener.failed(name, error)
        except BaseException as bug:
            self._bugs.append(bug)

    def _carry_out(self, name: str) -> None:
        device, member = self._devices[name], self._member(name)

        def progress(step: str, done: int, total: int) -> None:
            if self._stop.is_set():
                raise KeyboardInterrupt
            self._progress(f"{name}: {step}", done, total)

        def tell(forecast: Forecast) -> None:
            self._listener.planned(name, forecast)

        if member.run is None:
            folder = runs.prepare(member.request, device, progress)
        else:
            folder = self.folder.parent / member.run
        self._change(name, run=folder.name, failure=None, remedy="")
        runs.carry_out(folder, device, progress, self._fleet.command, tell)

    def _member(self, name: str) -> Member:
        return next(one for one in self._fleet.members if one.device == name)

    def _change(self, name: str, **changes: str | None) -> None:
        """Change a member's entry in the fleet's file."""
        with self._writing:
            members = (
                replace(one, **changes) if one.device == name else one  # type: ignore[arg-type]
                for one in self._fleet.members
            )
            self._fleet = replace(self._fleet, members=tuple(members))
            save(self.folder / FLEET, self._fleet)
