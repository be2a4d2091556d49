"""This machine's own outputs beside those of a device that it emulates."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.result import EvaluationResult, RunResult
from edgebench.deploy.documents.staging import FILES, HOST, PLAN, RESULT
from edgebench.deploy.transports.local import LocalDevice
from edgebench.documents import replacing, save
from edgebench.errors import DeviceError
from edgebench.progress import Progress

ON_HOST = "on this machine's own processor: "


def without_time(result: RunResult) -> RunResult:
    """The result without what means nothing under emulation: times, and the emulator's memory."""

    def stripped(one: EvaluationResult) -> EvaluationResult:
        return replace(one, load_s=None, first_inference_s=None, peak_memory_bytes=None)

    evaluations = {slot: stripped(one) for slot, one in result.evaluations.items()}
    return replace(result, evaluations=evaluations)


def run_on_host(plan: Plan, folder: Path, progress: Progress) -> None:
    """Evaluate a run folder's plan with this machine's own runtimes, into its folder `host`.

    The folder has what this machine can run, which is nothing without the runtimes.
    """
    if all(one.evaluation is None for one in plan.artifacts.values()):
        return
    beside = folder / HOST
    beside.mkdir(exist_ok=True)
    if not (beside / FILES).exists():
        (beside / FILES).symlink_to(f"../{FILES}")
    with replacing(beside / PLAN) as temporary:
        temporary.write_bytes((folder / PLAN).read_bytes())

    def heard(step: str, done: int, total: int) -> None:
        progress(ON_HOST + step, done, total)

    try:
        result = LocalDevice(sys.executable).run(beside, heard)
    except DeviceError:
        return
    save(beside / RESULT, without_time(result))
