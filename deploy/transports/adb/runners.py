"""What carries out plans on a phone: its Python if it has one, else LiteRT's `benchmark_model`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.remote.python_runner import PythonRunner
from edgebench.deploy.remote.reconnect import clean_up
from edgebench.deploy.remote.remote_device import Runner
from edgebench.deploy.remote.shell import quoted
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.adb.settings import settings_step, thermal_step
from edgebench.errors import DeviceError
from edgebench.progress import Progress


def _python(entry: DeviceEntry) -> Runner:
    return PythonRunner(entry.python or "python3")


def _app(entry: DeviceEntry) -> Runner:
    from edgebench.deploy.transports.adb.app import FORMATS, PACKAGE, AppRunner

    return AppRunner(entry.app or PACKAGE, formats=entry.app_formats or FORMATS)


def _benchmark_model(entry: DeviceEntry) -> Runner:
    from edgebench.deploy.benchmark_model.runner import BenchmarkModelRunner

    return BenchmarkModelRunner(entry.benchmark_model)


RUNNERS: dict[str, Callable[[DeviceEntry], Runner]] = {
    "python": _python,
    "benchmark_model": _benchmark_model,
    "app": _app,
}
"""How each runner is made, in the order in which they are tried."""

ONLY_IF_NAMED = ("app",)
"""It takes the phone's screen, which nobody wants who did not ask for it."""


class FirstWorkingRunner:
    """The entry's runner, or the first that has all it needs on the phone, chosen when used."""

    def __init__(self, entry: DeviceEntry, store: Store) -> None:
        names = (
            [entry.runner] if entry.runner else [one for one in RUNNERS if one not in ONLY_IF_NAMED]
        )
        self.store = store
        self.candidates = [RUNNERS[name](entry) for name in names]
        self.chosen: Runner | None = self.candidates[0] if len(names) == 1 else None

    def _choose(self) -> Runner:
        """Raises `DeviceError` if none can work."""
        unavailable = []
        for runner in self.candidates:
            missing = [step for step in runner.check(self.store) if step.state == "missing"]
            if not missing:
                return runner
            unavailable.append(missing[0])
        raise DeviceError(
            f"nothing on {self.store.shell.name} can execute a plan: "
            + "; ".join(f"{step.name}: {step.found}" for step in unavailable),
            unavailable[-1].remedy,  # What can be added to a phone. Python cannot.
        )

    @property
    def runner(self) -> Runner:
        if self.chosen is None:
            self.chosen = self._choose()
        return self.chosen

    @property
    def formats(self) -> tuple[str, ...]:
        return self.runner.formats

    def execute(self, store: Store, folder: Path, progress: Progress) -> None:
        """See `Runner.execute`."""
        self.runner.execute(store, folder, progress)

    def check(self, store: Store) -> Iterator[CheckStep]:
        """Check the runner that would be used, then heat and settings, which do not prevent a run.

        What the runners before it need is only a note.
        """
        home = quoted(store.home)
        was_there = store.shell.run(f"[ -e {home} ]").status == 0
        try:
            yield from self._runners(store)
        finally:  # A runner may have to send something to check that it works.
            if not was_there:
                clean_up(store.remove_runs, 0.0)
        yield thermal_step(store.shell)
        yield settings_step(store.shell)

    def _runners(self, store: Store) -> Iterator[CheckStep]:
        for runner in self.candidates[:-1]:
            steps = list(runner.check(store))
            missing = [step for step in steps if step.state == "missing"]
            if not missing:
                yield from steps
                return
            for step in missing:
                yield replace(step, state="note", remedy="not needed if the next runner works")
        yield from self.candidates[-1].check(store)
