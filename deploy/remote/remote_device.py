"""A device behind a shell: carry out a run folder there, and keep the result here.

The host's copy of the result counts: every change is sent at once and written here, so that a lost
connection loses nothing. When the device is back, it gets the result so far and continues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.device.lock import locked
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.remote import core_check
from edgebench.deploy.remote.reconnect import CLEAN_UP_S, RECONNECT_S, clean_up, run_with_reconnect
from edgebench.deploy.remote.shell import DeviceLostError, Shell
from edgebench.deploy.remote.store import SPARE_BYTES, Store
from edgebench.errors import DeviceError
from edgebench.progress import Progress


class Runner(Protocol):
    """A program that carries out plans on a device; all give the same kind of result."""

    @property
    def formats(self) -> tuple[str, ...]: ...

    def execute(self, store: Store, folder: Path, progress: Progress) -> None:
        """Carry out what is left of the folder's plan, and update the folder's result.

        On Ctrl-C it stops cleanly and returns. Raises `DeviceLostError` if the connection is lost,
        with everything so far kept, and `DeviceError`.
        """
        ...

    def check(self, store: Store) -> Iterator[CheckStep]:
        """Check step by step what it needs on the device."""
        ...


class RemoteDevice:
    """A device that is reached through a shell.

    `set_up` sets the device up for measuring whenever a run begins or continues there, because a
    phone that was restarted has lost its settings. `restore` puts the old settings back at the end.
    With `keep`, sent files stay on the device.
    """

    def __init__(
        self,
        name: str,
        description: str,
        store: Store,
        runner: Runner,
        *,
        entry: DeviceEntry | None = None,
        keep: bool = False,
        reconnect_s: float = RECONNECT_S,
        set_up: Callable[[Shell], object] = lambda shell: None,
        restore: Callable[[Shell], object] = lambda shell: None,
    ) -> None:
        self.name = name
        self.description = description
        self.store = store
        self.runner = runner
        self.entry = entry
        self.keep = keep
        self.reconnect_s = reconnect_s
        self.set_up = set_up
        self.restore = restore

    @property
    def shell(self) -> Shell:
        return self.store.shell

    @property
    def identity(self) -> str:
        return self.shell.identity

    @property
    def formats(self) -> tuple[str, ...]:
        return self.runner.formats

    def check_free(self) -> None:
        """Raises `DeviceError` if it cannot be used now or another edgebench uses it."""
        problem = self.shell.problem()
        if problem is not None:
            raise problem
        self.store.leftover_runners()

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """See `Device.reserved`."""
        with locked(self.identity, self.name):
            self.check_free()
            reconnect_s = 0.0
            try:
                yield
                reconnect_s = CLEAN_UP_S
            finally:
                clean_up(self._leave, reconnect_s)

    def _leave(self) -> None:
        """Leave the device as it was. Raises `DeviceError`."""
        self.restore(self.shell)
        if not self.keep:
            self.store.remove_runs()

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`. Waits if the connection is lost."""
        return run_with_reconnect(
            lambda: self._carry_out(folder, progress),
            self.shell.problem,
            folder,
            progress,
            self.reconnect_s,
        )

    def _carry_out(self, folder: Path, progress: Progress) -> None:
        self.set_up(self.shell)
        self.runner.execute(self.store, folder, progress)

    def clean(self) -> str:
        """See `Cleanable.clean`."""
        with locked(self.identity, self.name):
            self.check_free()
            self.restore(self.shell)  # An interrupted run could not do that.
            self.store.remove_all()
        return f"removed {self.store.home} from {self.name}"

    def check(self) -> Iterator[CheckStep]:
        """See `Device.check`."""
        for step in self.shell.check():
            yield step
            if step.state == "missing":
                yield from [core_check.skipped()] if self.entry else []
                return
        # The next checks start programs on the device, which would disturb a run.
        with ExitStack() as free:
            try:
                free.enter_context(locked(self.identity, self.name))
                self.store.leftover_runners()
            except DeviceLostError:
                raise
            except DeviceError as error:
                yield CheckStep("free", "missing", error.message, error.remedy)
                yield from self.compare()
                return
            space = self._space()
            yield space
            yield from self.compare()
            if space.state != "missing":
                yield from self.runner.check(self.store)

    def compare(self) -> list[CheckStep]:
        """Compare the device with its entry."""
        return core_check.steps(self.entry, self.shell) if self.entry else []

    def _space(self) -> CheckStep:
        free = self.store.free_bytes()
        try:
            self.store.check_writable()
        except DeviceLostError:
            raise
        except DeviceError as error:
            return CheckStep("space", "missing", error.message, error.remedy)
        if free is None:
            return CheckStep("space", "note", f"{self.store.home} does not report its free space")
        said = f"{free / 1e6:.0f} MB free in {self.store.home}"
        if free < SPARE_BYTES:
            wanted = f"{said}, but a run needs {SPARE_BYTES / 1e6:.0f} MB plus its models"
            return CheckStep("space", "missing", wanted, "free some space there")
        return CheckStep("space", "ok", said)
