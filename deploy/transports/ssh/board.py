"""A board: a remote device on which edgebench can install a Python, in its own folder."""

from __future__ import annotations

from contextlib import suppress

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.device.lock import locked
from edgebench.deploy.remote import core_check, python_check
from edgebench.deploy.remote.python_check import OLDEST, PythonFacts
from edgebench.deploy.remote.python_runner import PythonRunner
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import DeviceLostError, Shell, quoted
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.ssh.install import METHODS, PACKAGES, Install
from edgebench.errors import DeviceError
from edgebench.progress import Progress

HOME = "~/.cache/edgebench"

FIRST = "tflite"
"""The format that has to run in the end; a board may do without the others."""

ROOM_BYTES = 1_000_000_000
"""Free space below which only the first format is installed: the others unpack to some 400 MB."""


class Board(RemoteDevice):
    """A board over ssh. `wanted` are the formats to prepare it for."""

    def __init__(self, entry: DeviceEntry, shell: Shell) -> None:
        self.python = entry.python or "python3"
        self.wanted = tuple(PACKAGES)
        super().__init__(
            entry.name,
            entry.description,
            Store(shell, entry.home or HOME),
            PythonRunner(self.python),
            entry=entry,
            keep=entry.keep,
        )

    def compare(self) -> list[CheckStep]:
        """See `RemoteDevice.compare`. Unlike a phone, a board is not found by its model."""
        model = core_check.model_steps(self.entry, self.shell) if self.entry else []
        return [*model, *super().compare()]

    def prepare(self, progress: Progress) -> None:
        """See `Preparable.prepare`.

        TFLite's runtime has to work at the end; the others are installed if that is possible.
        """
        with locked(self.identity, self.name):
            self.check_free()
            running = self._running()
            if running >= set(self.wanted):
                return
            facts = self._own_python()
            ways = [kind(self.store, facts) for kind in METHODS]
            made = [way for way in ways if FIRST in running and way.made()]
            way = made[0] if made else self._first(ways, progress)
            free = self.store.free_bytes()
            for form in self.wanted:
                if form not in {FIRST, *running} and (free is None or free > ROOM_BYTES):
                    with suppress(DeviceError):  # `check` says what is missing, and why.
                        way.install(form, progress)

    def _running(self) -> set[str]:
        """The formats that the prepared Python runs."""
        facts = python_check.inspect_python(self.shell, quoted(self.store.python))
        if isinstance(facts, str) or not facts.numpy.name:
            return set()
        return {form for form, found in facts.runtimes.items() if found.name}

    def _own_python(self) -> PythonFacts:
        """The board's own Python, on which the prepared one is based. Raises `DeviceError`."""
        facts = python_check.inspect_python(self.shell, quoted(self.python))
        if isinstance(facts, str):
            raise DeviceError(
                f"{self.python} does not work on {self.name}: {facts}",
                "install it on the board: sudo apt install python3",
            )
        if facts.version < OLDEST:
            raise DeviceError(
                f"{self.name} has Python {facts.version_text}, which is too old",
                f"install Python {'.'.join(map(str, OLDEST))} or newer there, and set it with "
                f"python = in the entry of {self.name}",
            )
        if not facts.glibc:
            raise DeviceError(
                f"the system of {self.name} has no glibc, which the runtimes' wheels need",
                "use a system with glibc, such as Raspberry Pi OS, Debian or Ubuntu",
            )
        return facts

    def _first(self, ways: list[Install], progress: Progress) -> Install:
        """The first way of installing whose Python runs TFLite files."""
        failures: list[DeviceError] = []
        for way in ways:
            try:
                way.make(progress)
                way.install(FIRST, progress)
                if FIRST in self._running():
                    return way
                failures.append(DeviceError("the installed packages cannot be imported"))
            except DeviceLostError:
                raise
            except DeviceError as error:
                failures.append(error)
            self.shell.check_output(f"rm -rf {quoted(self.store.home)}/python", timeout_s=300)
        message = f"{self.name} could not be prepared: " + "; ".join(
            failure.message for failure in failures
        )
        if ways[0].facts.bits == 32:
            raise DeviceError(
                f"{message}; there are hardly any wheels for 32-bit systems",
                f"install a 64-bit system on {self.name}",
            )
        # Only problems that no way of installing avoids have one, such as a full disk.
        advice = next((failure.remedy for failure in failures if failure.remedy), "")
        raise DeviceError(
            message,
            advice
            or f"connect {self.name} or this machine to a network; if venv is missing: "
            "sudo apt install python3-venv, on the board",
        )
