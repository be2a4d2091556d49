"""Folders that programs such as apt-get and pip fill, each completely or not at all.

A folder contains the request that it was made from, so the same request again costs nothing.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgebench.deploy.device.lock import lock_file
from edgebench.errors import DeviceError, UnwritableError
from edgebench.places import cache_folder

CONTENTS = ".packages"
"""In a folder of packages: the request that it answers, then each package with its version."""


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Wait until no other process makes that folder. Raises `UnwritableError`."""
    path = folder.with_name(f".{folder.name}.lock")
    with lock_file(path, "free some space or set EDGEBENCH_CACHE") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_built_from(folder: Path, request: str) -> bool:
    """Whether a folder was made from that request."""
    try:
        return (folder / CONTENTS).read_text().splitlines()[:1] == [request]
    except OSError:
        return False


def run(
    words: Sequence[str], program: str, heard: Callable[[str], None] = lambda line: None
) -> str:
    """Run a program and return its output; `heard` gets each line at once.

    Raises `DeviceError` with the program's message, and `UnwritableError` for a full disk.
    """
    lines = []
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except OSError as error:
        raise DeviceError(f"cannot start {words[0]}: {error.strerror}") from error
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            heard(line)
    if process.returncode != 0:
        raise _failure(program, lines)
    return "".join(lines)


def _failure(program: str, lines: Sequence[str]) -> UnwritableError | DeviceError:
    """The message of a program that failed: an error rather than a warning."""
    said = [line.strip() for line in lines if line.strip()] or ["it gives no reason"]
    marked = [one for mark in ("E:", "Err:", "ERROR:") for one in said if one.startswith(mark)]
    if any("No space left" in line or "enough free space" in line for line in said):
        return UnwritableError(
            f"the disk with {cache_folder()} is full",
            "free some space, or set EDGEBENCH_CACHE to another folder",
        )
    reason = (marked or said)[0].split(maxsplit=1)[-1] if marked else said[-1]
    return DeviceError(
        f"{program} failed: {reason}", "check the network, then try again; it continues from there"
    )
