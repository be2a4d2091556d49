"""The runner for phones without Python: LiteRT's `benchmark_model`, started by the host."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edgebench.deploy.benchmark_model import compiled_model, qualcomm
from edgebench.deploy.benchmark_model.libraries import LibrarySet, find
from edgebench.deploy.benchmark_model.output import NAME
from edgebench.deploy.benchmark_model.tool import NPU, PAGE, QNN, Tool, own_copy, place
from edgebench.deploy.benchmark_model.worker import BenchmarkWorker, artifacts
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.documents.changes import STEPS
from edgebench.deploy.documents.staging import FILES, PLAN, RESULT, plan_hash
from edgebench.deploy.remote.shell import DeviceLostError, Shell, quoted
from edgebench.deploy.remote.store import Store
from edgebench.deploy.runner.messages import Json, Reporter, RunnerError
from edgebench.deploy.runner.scheduler import Scheduler
from edgebench.errors import DeviceError
from edgebench.progress import Progress


class ProgressReporter(Reporter):
    """Shows a run's events as progress."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def event(self, name: str, done: int, total: int, detail: str = "") -> None:
        self.progress(STEPS[name] + detail, done, total)

    def say(self, text: str) -> None:
        """Does nothing: the result has the error, and the report shows it."""


class BenchmarkModelRunner:
    """Runs TFLite plans with the user's copy of `benchmark_model`.

    `given` is its path on this machine. Without it, the default place and then the phone are tried.
    """

    formats = ("tflite",)

    def __init__(self, given: str | None = None) -> None:
        self.given = given

    def execute(self, store: Store, folder: Path, progress: Progress) -> None:
        """See `Runner.execute`."""
        there = store.run_folder(plan_hash(folder)[:16])
        plan: Json = json.loads((folder / PLAN).read_bytes())
        delegate = plan["delegate"]
        tool = place(store, self.given, progress, delegate)
        store.send({name: folder / FILES / name for name in artifacts(plan)}, store.files, progress)
        if delegate in (QNN, NPU) and delegate in tool.delegates:
            by = qualcomm if delegate == QNN else compiled_model
            tool = replace(tool, libraries=by.place(store, there, progress))
        end_leftovers(tool)
        listener = ProgressReporter(progress)
        worker = BenchmarkWorker(store, tool, plan, folder / FILES, there)
        try:
            Scheduler(str(folder / PLAN), str(folder / RESULT), worker, listener).run()
        except KeyboardInterrupt:
            # Finished blocks are written; the current one is measured again later.
            with suppress(DeviceError):
                end_leftovers(tool)
        except RunnerError as error:
            raise DeviceError(
                f"{NAME} on {store.shell.name}: {error}",
                f"the results so far are kept in {folder}; continue with --resume",
            ) from error

    def check(self, store: Store) -> Iterator[CheckStep]:
        """See `Runner.check`."""
        try:
            tool = place(store, self.given)
        except DeviceLostError:
            raise
        except DeviceError as error:
            yield CheckStep(NAME, "missing", error.message, error.remedy)
            return
        copy = own_copy(self.given)
        yield CheckStep(NAME, "ok", f"works, from {copy or tool.path}")
        yield CheckStep("delegates", "ok", f"it supports {', '.join(tool.delegates)}")
        yield _saves_outputs(tool)
        if QNN in tool.delegates:
            yield _has_libraries("Qualcomm's NPU", tool.shell, qualcomm.wanted)
        if NPU in tool.delegates:
            yield _has_libraries("NPU", tool.shell, compiled_model.wanted)
        yield _pins(tool.shell)


def _saves_outputs(tool: Tool) -> CheckStep:
    if "output_filepath" in tool.flags:
        return CheckStep("outputs", "ok", "it saves outputs, so drift is measured on the phone")
    return CheckStep(
        "outputs",
        "note",
        f"this {NAME} is too old to save outputs, so drift on the phone is not measured",
        f"get a newer one from {PAGE}",
    )


def _has_libraries(name: str, shell: Shell, wanted: Callable[[Shell], LibrarySet]) -> CheckStep:
    """Whether an NPU has what it needs; a phone without one needs nothing."""
    try:
        needed = wanted(shell)
        find(needed)
    except DeviceLostError:
        raise
    except DeviceError as error:
        return CheckStep(name, "note", error.message, error.remedy)
    return CheckStep(name, "ok", f"its libraries are in {needed.place}")


def _pins(shell: Shell) -> CheckStep:
    done = shell.run("taskset 1 true")
    if done.status == 0:
        return CheckStep("cores", "ok", "taskset pins processes to the cores of --cores")
    return CheckStep("cores", "note", f"taskset does not work: {done.reason}", "use --cores all")


def end_leftovers(tool: Tool) -> None:
    """End processes of the tool that no host reads any more, such as after a lost connection."""
    tool.shell.run(
        f"for one in /proc/[0-9]*; do "
        f'[ "$(readlink $one/exe 2>/dev/null)" = {quoted(tool.path)} ] && kill -9 ${{one##*/}}; '
        "done; true"
    )
