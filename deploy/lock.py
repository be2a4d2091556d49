"""A device in use is locked: two runs at once would measure each other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from edgebench.errors import DeviceError, UnwritableError
from edgebench.places import data_folder


@contextmanager
def locked(device: str) -> Iterator[None]:
    """Hold the lock of a device. It goes with the process, however that ends.

    Raises `DeviceError` where another process has it, and `UnwritableError`.
    """
    path = data_folder() / "locks" / f"{device.replace('/', '_')}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise UnwritableError(
            f"cannot write {path}: {error.strerror}", "free some space"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise DeviceError(
                f"{device} is in use by another edgebench (process {file.read().strip() or '?'})",
                "wait until that is done, or stop it",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
