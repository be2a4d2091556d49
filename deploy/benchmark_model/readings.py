"""Readings of a phone that has no Python: one command prints everything, and it is read here.

`grep` prints the kernel's files as path and line. They are written to a tree of files, which the
same code reads that runs on devices with Python. Files that the user `shell` may not read are
missing. There is no probe: a phone has no program that times a fixed computation to a millisecond,
and starting one takes longer than that. So a change of speed shows in the kernel's time in each
frequency, in Android's thermal status, and in the models' own times.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgebench.deploy.runner.android import SERVICES, told
from edgebench.deploy.runner.messages import Json
from edgebench.deploy.runner.power import COUNTERS, SUPPLY
from edgebench.deploy.runner.readings import system, with_services

_CPU = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq"
FILES = (
    "/proc/loadavg",
    f"{_CPU}/scaling_cur_freq",
    f"{_CPU}/scaling_governor",
    f"{_CPU}/stats/time_in_state",
    "/sys/class/thermal/thermal_zone[0-9]*/temp",
    "/sys/class/thermal/cooling_device[0-9]*/type",
    "/sys/class/thermal/cooling_device[0-9]*/cur_state",
    f"/{SUPPLY}/*/type",
    f"/{SUPPLY}/*/scope",
    *(f"/{SUPPLY}/*/{name}" for names in COUNTERS.values() for name in names),
)
MARK = "==edgebench "
_CLOCK = "unix_s"

CLOCK = f"echo '{MARK}{_CLOCK}'; date +%s.%N"
_KERNEL = (
    f"echo '{MARK}files'; grep -sHE '^(cpu|procs_running) ' /proc/stat; "
    f"grep -sH '' {' '.join(FILES)}"
)
_SERVICES = "; ".join(f"echo '{MARK}{name}'; dumpsys {name} 2>/dev/null" for name in SERVICES)

BEFORE = f"{_SERVICES}; {_KERNEL}; {CLOCK}"
AFTER = f"{CLOCK}; {_KERNEL}; {_SERVICES}"
"""Commands that print everything: the clock and the kernel's part nearest to what is measured."""


def parse(text: str) -> Json:
    """The readings in what `BEFORE` or `AFTER` printed, as `runner.readings` gives them."""
    parts = dict(_parts(text))
    with tempfile.TemporaryDirectory() as root:
        _rebuild(Path(root), parts.get("files", ""))
        found = system(root)
    return {
        "unix_s": seconds(parts.get(_CLOCK, "")),
        **with_services(found, told(*(parts.get(name, "") for name in SERVICES))),
        "own_s": None,
        "core": None,
        "probe_ns": None,
    }


def seconds(text: str) -> float:
    """The time that `date +%s.%N` printed, with or without nanoseconds; 0 if it printed none."""
    whole, _, part = text.strip().partition(".")
    if not whole.isdigit():
        return 0.0
    return float(f"{whole}.{part}" if part.isdigit() else whole)


def _parts(text: str) -> list[tuple[str, str]]:
    """The output after each mark, by the mark's name."""
    pieces = ("\n" + text.replace("\r\n", "\n")).split("\n" + MARK)[1:]
    cut = (piece.partition("\n") for piece in pieces)
    return [(name.strip(), rest) for name, _, rest in cut]


def _rebuild(root: Path, listing: str) -> None:
    """Write the files that `grep` listed, under another root."""
    files: dict[str, list[str]] = {}
    for line in listing.splitlines():
        path, colon, content = line.partition(":")
        if colon and path.startswith(("/proc/", "/sys/")) and ".." not in path:
            files.setdefault(path, []).append(content)
    for path, lines in files.items():
        target = root / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(lines) + "\n")
