"""What boards tell of heat and power in their own ways.

See `Readings` in documents/result.py for the fields and their units, and `readings` for `root`.
Sources: the drivers raspberrypi.c, raspberrypi-hwmon.c and the over-current events of NVIDIA's
soctherm, for what their files hold; Raspberry Pi's documentation of `vcgencmd get_throttled` for
the bits.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from typing import Callable  # noqa: UP035

from .machine import read_all, read_text
from .messages import Json

NOW = 0xF
"""Bits of the Raspberry Pi's firmware: too little voltage, capped, throttled, too hot, now."""

SINCE = NOW << 16
"""The same, as having happened: since the start, or since the kernel asked last."""

FIRMWARE = "sys/devices/platform/soc*/soc*firmware/get_throttled"
TIMEOUT_S = 2.0

_last: dict[str, int] = {}
"""What was read last, by path: bits and counts of what has happened mean something since then."""


def throttled(root: str) -> bool | None:
    """Whether the processor is held back for heat or lack of power, or was since last asked.

    Each source tells of itself alone: one that says yes is believed.
    """
    sources = (_firmware, _low_voltage, _over_current, _cooling)
    told = [said for said in (source(root) for source in sources) if said is not None]
    return any(told) if told else None


def temperatures(root: str) -> Json | None:
    """In degrees Celsius by zone: by its type, for its number may be another after a start."""
    found = {}
    for path, text in read_all(os.path.join(root, "sys/class/thermal/thermal_zone*/temp")):
        if text.lstrip("-").isdigit():
            found[os.path.dirname(path)] = int(text) / 1000
    kinds = [_zone_type(folder) for folder in found]
    named = {}
    for folder, celsius in found.items():
        kind, number = _zone_type(folder), os.path.basename(folder)
        once = kind and kinds.count(kind) == 1
        named[kind if once else f"{kind} {number}".strip()] = celsius
    return named or None


def asked(found: Json, root: str = "/") -> Json:
    """What the Raspberry Pi's firmware says through `vcgencmd`, of what the readings lack.

    It takes a process of its own, some milliseconds, and no kernel with the firmware's own file
    needs it.
    """
    program = shutil.which("vcgencmd")
    if program is None:
        return {}
    told: Json = {}
    if not read_all(os.path.join(root, FIRMWARE)):
        bits = _ask(program, "get_throttled", r"throttled=0x([0-9a-fA-F]+)", lambda x: int(x, 16))
        if bits is not None:
            told["throttled"] = bool(found["throttled"]) or _held_back(program, int(bits))
    if found["temperatures_c"] is None:
        celsius = _ask(program, "measure_temp", r"temp=(-?[0-9.]+)", float)
        if celsius is not None:
            told["temperatures_c"] = {"vcgencmd": celsius}
    return told


@functools.lru_cache(maxsize=None)  # noqa: UP033  (Python 3.8 has no cache)
def _zone_type(folder: str) -> str:
    return read_text(os.path.join(folder, "type")) or ""


def _firmware(root: str) -> bool | None:
    """The Raspberry Pi's own word, as the kernel last heard it."""
    for path, bits in read_all(os.path.join(root, FIRMWARE)):
        return _held_back(path, int(bits, 16))
    return None


def _held_back(source: str, bits: int) -> bool:
    """Whether those bits say so now, or of the time since the source was last read."""
    before = _last.get(source, bits)
    _last[source] = bits
    return bool(bits & NOW or bits & SINCE & ~before)


def _low_voltage(root: str) -> bool | None:
    """The Raspberry Pi's alarm, which is all that a kernel without its maker's changes has."""
    for path, name in read_all(os.path.join(root, "sys/class/hwmon/hwmon*/name")):
        if name == "rpi_volt":
            alarm = read_text(os.path.join(os.path.dirname(path), "in0_lcrit_alarm"))
            return alarm == "1" if alarm else None
    return None


def _over_current(root: str) -> bool | None:
    """Whether a Jetson's counts of under-voltage and over-current have risen; both throttle it."""
    risen = None
    for path, count in read_all(os.path.join(root, "sys/class/hwmon/hwmon*/oc*_event_cnt")):
        if count.isdigit():
            risen = bool(risen) or int(count) > _last.get(path, int(count))
            _last[path] = int(count)
    return risen


def _cooling(root: str) -> bool | None:
    """The kernel's cooling devices that slow a processor down."""
    states = []
    for path, kind in read_all(os.path.join(root, "sys/class/thermal/cooling_device*/type")):
        if "cpu" in kind.lower() or kind == "Processor":
            state = read_text(os.path.join(os.path.dirname(path), "cur_state"))
            states.append(bool(state) and state != "0")
    return any(states) if states else None


def _ask(program: str, word: str, form: str, read: Callable[[str], float]) -> float | None:
    try:
        done = subprocess.run(
            [program, word],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.match(form, done.stdout.decode(errors="replace"))
    return read(said.group(1)) if said else None
