"""A device at the other end of a shell: carry out a run folder there, and keep all of it here.

The host has the truth: every change of the result comes as it happens and is written here, so
that a device that goes away takes nothing with it. When it comes back, it gets the result so far
and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from edgebench.deploy.device.interface import Step
from edgebench.deploy.device.lock import locked
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.remote.reconnect import PATIENCE_S, TIDY_S, patiently, tidy_up
from edgebench.deploy.remote.shell import DeviceLostError, Shell
from edgebench.deploy.remote.store import SPARE_BYTES, Store
from edgebench.errors import DeviceError
from edgebench.progress import Progress


class Runner(Protocol):
    """What carries out a plan on a device: one of several programs, with one plan and result."""

    @property
    def formats(self) -> tuple[str, ...]: ...

    def carry_out(self, store: Store, folder: Path, progress: Progress) -> None:
        """Carry out what is left of the folder's plan, and write the folder's result as it comes.

        On Ctrl-C it stops in good order and returns. Raises `DeviceLostError` where the device
        went away, with all that came kept, and `DeviceError`.
        """
        ...

    def check(self, store: Store) -> Iterator[Step]:
        """What it needs on the device, step by step."""
        ...


class RemoteDevice:
    """A device that is reached by a shell.

    `settle` sets the device up for measuring, whenever a run begins or goes on there: a phone that
    was restarted has lost it. `restore` puts back what was before, in the end. With `keep` what was
    sent stays on the device.
    """

    def __init__(
        self,
        name: str,
        description: str,
        store: Store,
        runner: Runner,
        *,
        keep: bool = False,
        patience_s: float = PATIENCE_S,
        settle: Callable[[Shell], object] = lambda shell: None,
        restore: Callable[[Shell], object] = lambda shell: None,
    ) -> None:
        self.name = name
        self.description = description
        self.store = store
        self.runner = runner
        self.keep = keep
        self.patience_s = patience_s
        self.settle = settle
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

    def must_be_free(self) -> None:
        """Raises `DeviceError` where it cannot be used now, or another edgebench uses it."""
        problem = self.shell.problem()
        if problem is not None:
            raise problem
        self.store.runners()

    @contextmanager
    def held(self) -> Iterator[None]:
        """See `Device.held`."""
        with locked(self.identity, self.name):
            self.must_be_free()
            patience_s = 0.0
            try:
                yield
                patience_s = TIDY_S
            finally:
                tidy_up(self._leave, patience_s)

    def _leave(self) -> None:
        """Leave the device as it was. Raises `DeviceError`."""
        self.restore(self.shell)
        if not self.keep:
            self.store.remove()

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`. Waits for a device that goes away."""
        return patiently(
            lambda: self._carry_out(folder, progress),
            self.shell.problem,
            folder,
            progress,
            self.patience_s,
        )

    def _carry_out(self, folder: Path, progress: Progress) -> None:
        self.settle(self.shell)
        self.runner.carry_out(self.store, folder, progress)

    def clean(self) -> str:
        """See `Cleanable.clean`."""
        with locked(self.identity, self.name):
            self.must_be_free()
            self.restore(self.shell)  # A run that was cut off could not.
            self.store.clear()
        return f"removed {self.store.home} from {self.name}"

    def check(self) -> Iterator[Step]:
        """See `Device.check`."""
        yield from _in_order(self.shell.check, self._check_alone)

    def _check_alone(self) -> Iterator[Step]:
        """The steps that try things there, which would disturb a run: so none may be under way."""
        with ExitStack() as free:
            try:
                free.enter_context(locked(self.identity, self.name))
                self.store.runners()
            except DeviceLostError:
                raise
            except DeviceError as error:
                yield Step("free", "missing", error.message, error.remedy)
                return
            yield from _in_order(
                lambda: iter([self._space()]), lambda: self.runner.check(self.store)
            )

    def _space(self) -> Step:
        free = self.store.free_bytes()
        try:
            self.store.try_to_write()
        except DeviceLostError:
            raise
        except DeviceError as error:
            return Step("space", "missing", error.message, error.remedy)
        if free is None:
            return Step("space", "note", f"{self.store.home} does not tell how much is free")
        said = f"{free / 1e6:.0f} MB free in {self.store.home}"
        if free < SPARE_BYTES:
            wanted = f"{said}, and a run needs {SPARE_BYTES / 1e6:.0f} MB beside its models"
            return Step("space", "missing", wanted, "free space there")
        return Step("space", "ok", said)


def _in_order(*parts: Callable[[], Iterator[Step]]) -> Iterator[Step]:
    """The steps of each part, until one is missing."""
    for part in parts:
        for step in part():
            yield step
            if step.state == "missing":
                return
