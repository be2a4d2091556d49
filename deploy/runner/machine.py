"""What the machine tells about itself. All that it does not tell is None."""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import platform
import signal


def read_text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def read_all(pattern: str) -> list[tuple[str, str]]:
    """Path and content of the files that match and can be read, by name."""
    pairs = ((path, read_text(path)) for path in sorted(glob.glob(pattern)))
    return [(path, text) for path, text in pairs if text]


def peak_memory_bytes(restart: bool = False) -> int | None:
    """The process's peak resident memory, counted anew from here with `restart`.

    VmHWM is this process's own; ru_maxrss would start from the parent's peak.
    """
    if restart:
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")
        except OSError:
            pass  # Then the peak so far stands, which can only make the model look smaller.
    for line in (read_text("/proc/self/status") or "").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def cpu_model() -> str | None:
    for line in (read_text("/proc/cpuinfo") or "").splitlines():
        if line.lower().startswith(("model name", "hardware")):
            return line.partition(":")[2].strip()
    return read_text("/proc/device-tree/model") or platform.processor() or None


def can_pin() -> bool:
    return hasattr(os, "sched_getaffinity")


def current_core() -> int | None:
    try:
        core = ctypes.CDLL(None).sched_getcpu()
    except (OSError, AttributeError):
        return None
    return core if core >= 0 else None


def die_with_parent() -> None:
    """Ask Linux to end this process with its parent, so that no orphan disturbs the next run."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG.
