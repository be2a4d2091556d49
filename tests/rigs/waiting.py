"""Wait for what a daemon does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(met: Callable[[], bool], what: str, limit_s: float = 60.0) -> None:
    """Wait until a condition is met. Raises `TimeoutError`."""
    end = time.monotonic() + limit_s
    while not met():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {limit_s:.0f} s in vain until {what}")
        time.sleep(0.02)
