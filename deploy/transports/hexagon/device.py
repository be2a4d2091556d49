"""The emulator of a SoC's NPU as a device, which evaluates and times nothing.

The scheduler of the runner carries out the plan, with a fresh process for each file, because a
library of a vendor may crash. This machine's own outputs of the same files are put beside them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.device.lock import locked
from edgebench.deploy.documents.changes import step
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import PLAN, RESULT, read_plan
from edgebench.deploy.npu import compiler
from edgebench.deploy.npu.compiler import QNN
from edgebench.deploy.npu.socs import soc
from edgebench.deploy.runner.messages import Json, Reporter, RunnerError, say
from edgebench.deploy.runner.scheduler import Scheduler
from edgebench.deploy.runner.worker import fresh_process
from edgebench.deploy.transports.on_host import run_on_host
from edgebench.documents import load
from edgebench.errors import DeviceError, MissingExtraError
from edgebench.progress import Progress

LONG_S = 90.0
"""Who waits longer than this is told beforehand."""

CHILD = "edgebench.deploy.transports.hexagon.child"


class HexagonEmulator:
    """Qualcomm's emulator of the NPU of one of its SoCs."""

    formats: tuple[str, ...] = ("tflite", "onnx")
    counts: Literal["instructions"] | None = None

    def __init__(self, name: str, description: str, soc_model: str) -> None:
        self.name = name
        self.identity = name
        self.description = description
        self._soc = soc(soc_model)

    def reserved(self) -> AbstractContextManager[None]:
        """See `Device.reserved`."""
        return locked(self.identity, self.name)

    def check(self) -> Iterator[CheckStep]:
        """See `Device.check`."""
        try:
            yield CheckStep(QNN, "ok", str(compiler.qualcomm_libraries()))
        except MissingExtraError as error:
            yield CheckStep(QNN, "missing", error.message, error.remedy)
        try:
            yield CheckStep("compiler", "ok", str(compiler.litert_package()))
        except (MissingExtraError, DeviceError) as error:
            yield CheckStep("compiler", "note", f".onnx only: {error.message}", error.remedy)
        number = self._soc.number
        found = f"{self._soc.model}, number {number} of QNN"
        remedy = "set soc_model to one of: edgebench estimate --help"
        yield CheckStep("SoC", "ok" if number else "missing", found, "" if number else remedy)

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`. The result has no times."""
        compiler.qualcomm_libraries()
        plan_path = str(folder / PLAN)
        reporter = _Forwarded(progress)
        start = fresh_process([sys.executable, "-m", CHILD, plan_path, self._soc.model])
        interrupted = False
        try:
            worker = _counting(start, progress)
            Scheduler(plan_path, str(folder / RESULT), worker, reporter).run()
            run_on_host(read_plan(folder), folder, progress)
        except KeyboardInterrupt:
            interrupted = True
            if not (folder / RESULT).exists():
                raise
        except RunnerError as error:
            raise DeviceError(
                f"{self.name}: {error}",
                "see what the NPU takes: edgebench estimate FILE --soc " + self._soc.model,
            ) from error
        result = load(folder / RESULT, RunResult)
        return replace(result, complete=False) if interrupted else result


class _Forwarded(Reporter):
    """Tells the progress of a run, and says on stderr what is to be said."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def event(self, name: str, done: int, total: int, detail: str = "") -> None:
        event = {"event": name, "done": done, "total": total, "detail": detail}
        self._progress(step(event), done, total)

    def say(self, text: str) -> None:
        say(text)


Worker = Callable[[Json], Iterator[Json]]


def _counting(worker: Worker, progress: Progress) -> Worker:
    """A worker that tells how many inputs have run, and how long all of them will take."""

    def answers(job: Json) -> Iterator[Json]:
        first = 0.0
        for answer in worker(job):
            if "inputs" not in answer:
                yield answer
                continue
            done, total = answer["inputs"], answer["of"]
            progress(f"emulating {job['slot']}", done, total)
            if done == 1:
                first = time.monotonic()
            elif done == 2:
                wait_s = (time.monotonic() - first) * (total - 2)
                if wait_s > LONG_S:
                    say(
                        f"{job['slot']} takes about {wait_s / 60:.0f} min; fewer --images take less"
                    )

    return answers
