"""Permissions that hold for root too, as tests in a container run."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of Linux's capabilities (7): DAC_OVERRIDE and DAC_READ_SEARCH, in the version of two words each.
_VERSION, _OVERRIDES = 0x20080522, (1 << 1) | (1 << 2)


@contextmanager
def closed(path: Path, mode: int = 0) -> Iterator[None]:
    """A file or folder with these permissions, which this process then obeys."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        with _obeying():
            yield
    finally:
        path.chmod(before)


@contextmanager
def _obeying() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, words = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, words) == 0
    effective = words[0]
    words[0] = effective & ~_OVERRIDES
    assert libc.capset(header, words) == 0
    try:
        yield
    finally:
        words[0] = effective
        libc.capset(header, words)
