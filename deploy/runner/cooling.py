"""Cooling down: wait until a device is about as cool as it was when the run began.

A fixed sleep is too long for a device that is cool and too short for one that is not. The sensors
say which it is; a device without any is not waited for.
"""

from __future__ import annotations

import re
import time
from typing import Any, Callable, Dict, Optional, Tuple  # noqa: UP035

Temperatures = Dict[str, float]  # noqa: UP006  By sensor, in degrees Celsius.
Hot = Tuple[float, float]  # noqa: UP006  What a sensor says, and what is waited for.

POLL_S = 2.0

PROCESSOR = re.compile("cpu|gpu|npu|tpu|soc|pkg|core|cluster|big|little|mid", re.IGNORECASE)
"""What sensors in the processor are called. A battery and a skin take far longer to cool."""


def hottest(now: Temperatures, start: Temperatures, within_c: float) -> Hot | None:
    """The sensor that is furthest above its start: what it says and what it has to fall to.

    None where all are within `within_c` of it. By its rise, and not by its height, for some
    sensors always say the same. Those of the processor count, if their names tell which they are.
    """
    known = [name for name in start if name in now]
    named = [name for name in known if PROCESSOR.search(name)] or known
    if not named:
        return None
    most = max(named, key=lambda name: now[name] - start[name])
    limit = start[most] + within_c
    return (now[most], limit) if now[most] > limit else None


def cool_down(
    rule: Dict[str, Any],  # noqa: UP006
    start: Temperatures,
    read: Callable[[], Optional[Temperatures]],  # noqa: UP045
    tell: Callable[[str, int, int], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Wait by a plan's rule, and return how many seconds it took.

    `read` gives the temperatures now. `tell` hears what is waited for, and how much of the
    longest wait is over.
    """
    began = clock()
    longest = rule["max_s"]
    words = ""
    while True:
        waited = clock() - began
        if waited >= longest:
            break
        found = hottest(read() or {}, start, rule["within_c"])
        if found is None:
            break
        words = words or f": {found[0]:.0f} °C, waiting for {found[1]:.0f} °C"
        tell(words, int(waited), max(int(longest), int(waited) + 1))
        sleep(min(POLL_S, longest - waited))
    if words:
        tell(words, 1, 1)
    return waited
