"""Arm code on this machine: what its kernels compute, and how many instructions they take.

The runner is the one that runs on boards, in an Arm Python under QEMU. It computes the outputs of
Arm's kernels for the evaluation inputs; this machine's own outputs of the same files are put beside
them. Times mean nothing under emulation, so none are kept: a plan has no blocks, and the times of
loading and the first inference are removed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.device.lock import locked
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT, read_plan
from edgebench.deploy.remote import python_check
from edgebench.deploy.remote.shell import Shell
from edgebench.deploy.runner import engines
from edgebench.deploy.transports.emulated import system
from edgebench.deploy.transports.emulated.counting import Counter
from edgebench.deploy.transports.local import LocalDevice
from edgebench.deploy.transports.on_host import run_on_host, without_time
from edgebench.documents import load, remove, save
from edgebench.errors import DeviceError, UnwritableError
from edgebench.progress import Progress

COUNTING = "counting instructions"
TRYING = "testing the Arm system"


class _HostShell(Shell):
    """This machine's own shell, which starts the Arm system's Python like any program."""

    def __init__(self, name: str) -> None:
        self.name = name

    def argv(self, command: str) -> list[str]:
        return ["/usr/bin/env", "-u", "PYTHONPATH", "/bin/sh", "-c", command]

    def send(self, source: Path, target: str) -> None:
        raise DeviceError(f"{self.name} does not need a copy of {source}")

    def problem(self) -> DeviceError | None:
        return None


class EmulatedDevice:
    """The emulated Arm system, described by the registry's entry of that name."""

    formats: tuple[str, ...] = engines.FORMATS
    counts: Literal["instructions"] | None = "instructions"

    def __init__(self, name: str, description: str) -> None:
        self.name = name
        self.identity = name
        self.description = description

    def reserved(self) -> AbstractContextManager[None]:
        """See `Device.reserved`."""
        return locked(self.identity, self.name)

    def prepare(self, progress: Progress) -> None:
        """Make the missing parts of the Arm system; see `system.prepare`.

        A system that does not work, for example because files were removed, is made again.
        """
        system.prepare(progress)
        progress(TRYING, 0, 0)
        if self._lacking() is not None:
            self.clean()
            system.prepare(progress)
            unavailable = self._lacking()
            if unavailable is not None:
                raise DeviceError(
                    f"the Arm system does not work here: {unavailable.name}: {unavailable.found}",
                    "use another machine with Debian, or a container",
                )

    def _lacking(self) -> CheckStep | None:
        """The first step of a check whose state is "missing"."""
        return next((step for step in self.check() if step.state == "missing"), None)

    def clean(self) -> str:
        """See `Cleanable.clean`. Raises `UnwritableError`."""
        with locked(self.identity, self.name):
            try:
                remove(system.folder())
            except OSError as error:
                raise UnwritableError(
                    f"cannot remove {system.folder()}: {error.strerror}", "remove it by hand"
                ) from error
        return f"removed {system.folder()}"

    def check(self) -> Iterator[CheckStep]:
        """See `Device.check`."""
        try:
            python = system.python()
        except DeviceError as error:
            yield CheckStep("Arm system", "missing", error.message, error.remedy)
            return
        yield CheckStep("Arm system", "ok", str(system.folder()))
        yield from python_check.steps(_HostShell(self.name), shlex.quote(str(python)), first="")

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`. The result has no times."""
        plan = read_plan(folder)
        arm = LocalDevice(str(system.python()), system.environment())
        try:
            result = without_time(arm.run(folder, progress))
        except DeviceError as error:
            whole = f"check the Arm system: edgebench devices check {self.name}"
            raise DeviceError(error.message, f"{error.remedy}; {whole}") from error
        save(folder / RESULT, result)
        interrupted = not all(slot in result.evaluations for slot in plan.artifacts)
        try:
            if not interrupted:
                result = self._counted(plan, result, folder, progress)
                run_on_host(plan, folder, progress)
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            result = replace(load(folder / RESULT, RunResult), complete=False)
        return result

    def _counted(
        self, plan: Plan, result: RunResult, folder: Path, progress: Progress
    ) -> RunResult:
        """The result with the counts that were missing; each is written at once."""
        counter = Counter()
        for number, (slot, done) in enumerate(result.evaluations.items()):
            progress(COUNTING, number, len(result.evaluations))
            if not done.error and done.instructions is None:
                counts = counter.count(folder, slot, plan.artifacts[slot].format)
                counted = replace(done, instructions=counts)
                result = replace(result, evaluations={**result.evaluations, slot: counted})
                save(folder / RESULT, result)
        progress(COUNTING, len(result.evaluations), len(result.evaluations))
        return result
