"""A device in use is locked: two runs at once would measure each other.

What is locked is the physical device, by its identity (`Device.identity`),
for two names may lead to one. The lock is the kernel's (`flock`): it goes with the process,
however that ends, so the file that stays behind holds nobody up.
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

    Raises `DeviceError` where somebody else has it, with who and since when, and
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
            # Closing would do, were there no copy of the descriptor in a process that was forked.
            fcntl.flock(file, fcntl.LOCK_UN)


def lock_file(path: Path, remedy: str) -> IO[str]:
    """Open a file to lock, and make it where it is not there. Raises `UnwritableError`."""
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
    """Who has the lock, in words; nothing where the file does not say, as for a moment it may."""
    file.seek(0)
    try:
        body = json.loads(file.read())
        told = "{device} since {since}, process {process}: {command}".format(**body)
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({told})"
