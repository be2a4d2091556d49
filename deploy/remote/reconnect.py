"""Wait for a device whose connection is lost during a plan, and continue."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT
from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.documents import load
from edgebench.errors import DeviceError
from edgebench.progress import Progress

RECONNECT_S = 600.0
"""How long to wait for a device that went away."""

CLEAN_UP_S = 15.0
"""How long to wait, after a run, for a device that is gone just when it is to be tidied up."""

MAX_LOSSES = 10
"""How often in a row a device may go away before anything new is measured."""

POLL_S = 1.0


def run_with_reconnect(
    carry_out: Callable[[], None],
    problem: Callable[[], DeviceError | None],
    folder: Path,
    progress: Progress,
    reconnect_s: float = RECONNECT_S,
) -> RunResult:
    """Carry out what is left of a run folder's plan, in as many tries as needed.

    `problem` says why the device cannot be used now.

    A device that gets nothing done between lost connections is given up.
    Raises `DeviceError`, and `KeyboardInterrupt` if it was stopped before it had a result.
    """
    losses, done = 0, _done(folder)
    while True:
        try:
            carry_out()
            break
        except DeviceLostError as lost:
            before, done = done, _done(folder)
            losses = losses + 1 if done == before else 1
            if losses == MAX_LOSSES:
                raise _given_up(lost, folder) from lost
            _wait(lost, problem, folder, progress, reconnect_s)
    if not (folder / RESULT).exists():
        raise KeyboardInterrupt  # It was stopped before there was anything to keep.
    return load(folder / RESULT, RunResult)


def clean_up(remove: Callable[[], None], reconnect_s: float) -> None:
    """Remove what was sent. A device that does not come back keeps it until it is used again."""
    end = time.monotonic() + reconnect_s
    while True:
        try:
            remove()
            return
        except DeviceLostError:
            if time.monotonic() >= end:
                return
            time.sleep(POLL_S)
        except DeviceError:
            return


def _wait(
    lost: DeviceError,
    why: Callable[[], DeviceError | None],
    folder: Path,
    progress: Progress,
    reconnect_s: float,
) -> None:
    """Wait until the device can be used again. Raises `DeviceError` after a time."""
    total = int(reconnect_s)
    start = time.monotonic()
    problem: DeviceError | None = lost
    while problem is not None:
        waited = time.monotonic() - start
        if not isinstance(problem, DeviceLostError) or waited >= reconnect_s:
            raise _given_up(problem, folder)
        step = f"{problem.message}; waiting for it to come back (s)"
        progress(step, min(int(waited), total - 1), total)
        time.sleep(POLL_S)
        problem = why()
    progress(step, total, total)


def _done(folder: Path) -> int:
    """The number of finished evaluations and blocks in a run folder."""
    if not (folder / RESULT).exists():
        return 0
    result = load(folder / RESULT, RunResult)
    return len(result.evaluations) + len(result.blocks)


def _given_up(problem: DeviceError, folder: Path) -> DeviceError:
    return DeviceError(
        problem.message,
        f"{problem.remedy}; the results so far are kept in {folder}; continue with --resume",
    )
