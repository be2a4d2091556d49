"""A device in use is locked, because two runs at the same time would disturb each other.

The lock is on the physical device, by its identity (`Device.identity`), because two names may mean
the same one. It is a lock of the kernel (`flock`), which ends with the process in any case. The
file that remains does not lock anything.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO
from urllib.parse import quote

from edgebench.errors import DeviceError, UnwritableError
from edgebench.places import data_folder


@contextmanager
def locked(identity: str, name: str | None = None) -> Iterator[None]:
    """Hold the lock of a physical device; `name` is what the user calls it.

    Raises `DeviceError` if another process has it, with which one and since when, and
    `UnwritableError`.
    """
    path = data_folder() / "locks" / f"{quote(identity, safe='')}.lock"
    with lock_file(path, "free some space") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DeviceError(
                f"{name or identity} is in use by another run{_holder(file)}",
                "wait until it ends, or stop it",
            ) from None
        try:
            _sign(file, name or identity)
            yield
        finally:
            # Closing is not enough if a forked process has a copy of the descriptor.
            fcntl.flock(file, fcntl.LOCK_UN)


def lock_file(path: Path, remedy: str) -> IO[str]:
    """Open a file to lock; create it if needed. Raises `UnwritableError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+")
    except OSError as error:
        raise UnwritableError(f"cannot write {path}: {error.strerror}", remedy) from error


def _sign(file: IO[str], name: str) -> None:
    """Write down who has the lock."""
    program, *words = sys.argv or [""]
    body = {
        "device": name,
        "process": os.getpid(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": shlex.join([Path(program).name, *words]),
    }
    file.truncate(0)
    file.write(json.dumps(body))
    file.flush()


def _holder(file: IO[str]) -> str:
    """Who has the lock, in words; empty while the file is not written yet."""
    file.seek(0)
    try:
        body = json.loads(file.read())
        told = "{device} since {since}, process {process}: {command}".format(**body)
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({told})"
