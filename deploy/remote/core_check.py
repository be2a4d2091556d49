"""Compare what a device reports about its cores and its model with the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgebench.deploy.device.cores import mask, numbers, ranges
from edgebench.deploy.device.entry import Cluster, DeviceEntry
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.remote.shell import Shell
from edgebench.errors import DeviceError

TOLERANCE = 0.03
"""How far a frequency may be from the registry's, which are rounded as they were published."""

CORES = "core masks"
MODEL = "model"

UNUSABLE = "cannot be used now: they are turned off or reserved for other programs"

TURN_ON = "turn them on (on a phone: screen on, power saving off), or leave them out of --cores"

_ASK_CORES = (
    "for f in /sys/devices/system/cpu/cpu[0-9]*; do "
    "echo ${f##*/cpu} $(cat $f/cpufreq/cpuinfo_max_freq 2>/dev/null); done; "
    "echo online $(cat /sys/devices/system/cpu/online 2>/dev/null); "
    "echo allowed $(grep Cpus_allowed_list: /proc/self/status 2>/dev/null | cut -f 2)"
)
_ASK_MODEL = "tr -d '\\0' </proc/device-tree/model 2>/dev/null"


@dataclass(frozen=True)
class Cores:
    """A device's cores: the highest frequency by number, None if unknown, and the usable ones.

    Some may be turned off or not allowed for the shell's processes, as with Android's cpusets.
    """

    max_khz: dict[int, int | None]
    usable: frozenset[int]

    def fastest(self, threads: int) -> tuple[int, ...] | None:
        """The cores of the highest frequency that enough cores have; None if all are the same."""
        speeds = {khz or 0 for khz in self.max_khz.values()}
        for speed in sorted(speeds, reverse=True) if len(speeds) > 1 else ():
            group = [one for one in sorted(self.usable) if (self.max_khz.get(one) or 0) == speed]
            if len(group) >= threads:
                return tuple(group)
        return None


def read_cores(shell: Shell) -> Cores | None:
    """Ask the device behind a shell; None if it cannot be asked."""
    try:
        return parse(shell.check_output(_ASK_CORES))
    except DeviceError:
        return None


def steps(entry: DeviceEntry, shell: Shell) -> list[CheckStep]:
    """Compare the cores of an entry with those of the device behind a shell."""
    try:
        return [core_step(entry, parse(shell.check_output(_ASK_CORES)))]
    except DeviceError:  # The connection was lost meanwhile.
        return [skipped()]


def model_steps(entry: DeviceEntry, shell: Shell) -> list[CheckStep]:
    """Compare the model of an entry with that of the board behind a shell."""
    try:
        return [model_step(entry, shell.run(_ASK_MODEL).stdout.strip())] if entry.match else []
    except DeviceError:
        return []


def model_step(entry: DeviceEntry, model: str) -> CheckStep:
    """Whether a board that reports its model is the entry's."""
    if not model:
        return CheckStep(
            MODEL, "note", f"it does not report its model, so it may not be a {entry.description}"
        )
    if any(model.lower().startswith(one.lower()) for one in entry.match):
        return CheckStep(MODEL, "ok", model)
    return CheckStep(
        MODEL,
        "missing",
        f"this is a {model}, not a {entry.description}",
        f"correct its host, or add it under another name: edgebench devices add NAME --host "
        f"{entry.host or entry.name} --like ...",
    )


def core_step(entry: DeviceEntry, cores: Cores) -> CheckStep:
    """Whether the entry's clusters are the device's."""
    if not cores.max_khz:
        return CheckStep(
            CORES, "note", "it does not report its cores, so runs cannot be pinned to some of them"
        )
    if not entry.clusters:
        return _proposal(entry, cores)
    listed = sorted(core for cluster in entry.clusters for core in cluster.cores)
    if listed != sorted(cores.max_khz):
        return CheckStep(
            CORES,
            "missing",
            f"it has {_count(cores.max_khz)} ({ranges(cores.max_khz)}), but {entry.description} "
            f"has {_count(listed)} ({ranges(listed)})",
            "make sure that it is the right device, or set its cores: edgebench devices add NAME "
            f"--like {entry.name} --cluster NAME=CORES ...",
        )
    off = sorted(set(listed) - cores.usable)
    if off:
        return CheckStep(
            CORES,
            "note",
            f"cores {ranges(off)} {UNUSABLE}",
            TURN_ON,
        )
    odd = [text for cluster in entry.clusters if (text := _differs(cluster, cores))]
    if odd:
        return CheckStep(
            CORES,
            "note",
            "; ".join(odd),
            "it may be another version of the chip, or run at another speed; use core "
            "numbers with --cores if the clusters are different",
        )
    untold = "" if any(cores.max_khz.values()) else "; it does not report their frequencies"
    return CheckStep(CORES, "ok", "; ".join(map(_described, entry.clusters)) + untold)


def parse(text: str) -> Cores:
    """Read what the device's shell printed for `_ASK_CORES`."""
    max_khz: dict[int, int | None] = {}
    usable: set[int] | None = None
    for line in text.splitlines():
        first, *rest = line.split()[:2] or [""]
        if first in ("online", "allowed") and rest:
            told = set(numbers(rest[0]))
            usable = told if usable is None else usable & told
        elif first.isdecimal():
            max_khz[int(first)] = int(rest[0]) if rest and rest[0].isdecimal() else None
    return Cores(max_khz, frozenset(max_khz if usable is None else usable & max_khz.keys()))


def _described(cluster: Cluster) -> str:
    speed = "" if cluster.max_khz is None else f", {_ghz(cluster.max_khz)}"
    facts = f"{cluster.core}{speed}, mask {mask(cluster.cores)}"
    return f"{cluster.name} {ranges(cluster.cores)} ({facts})"


def _differs(cluster: Cluster, cores: Cores) -> str:
    """How a cluster's speed differs from what the device reports; empty if it does not."""
    found = sorted({khz for core in cluster.cores if (khz := cores.max_khz[core])})
    stated = [cluster.max_khz] if cluster.max_khz else found[:1]
    if all(abs(khz - other) <= TOLERANCE * other for khz in found for other in stated):
        return ""
    speeds = " and ".join(map(_ghz, found))
    expected = _ghz(cluster.max_khz) if cluster.max_khz else "one speed"
    return f"{cluster.name} {ranges(cluster.cores)} reaches {speeds}, but {expected} was expected"


def _proposal(entry: DeviceEntry, cores: Cores) -> CheckStep:
    """The clusters as they appear, if the entry has none."""
    by_speed: dict[int, list[int]] = {}
    for core, khz in cores.max_khz.items():
        if core in cores.usable:
            by_speed.setdefault(khz or 0, []).append(core)
    off = cores.max_khz.keys() - cores.usable
    found = f"{_count(cores.max_khz)}: " + "; ".join(
        ranges(group) + (f" at {_ghz(khz)}" if khz else "")
        for khz, group in sorted(by_speed.items())
    )
    found += f"; {ranges(off)} {UNUSABLE}" if off else ""
    if len(by_speed) == 1:
        return CheckStep(CORES, "note", found, TURN_ON) if off else CheckStep(CORES, "ok", found)
    words = " ".join(f"--cluster NAME={ranges(group)}" for _, group in sorted(by_speed.items()))
    return CheckStep(
        CORES,
        "note",
        f"{found}; they have no names yet, so --cores accepts only numbers",
        f"name them: edgebench devices add NAME --like {entry.name} {words}",
    )


def skipped() -> CheckStep:
    """The step for a device that could not be asked."""
    return CheckStep(CORES, "skipped", "an earlier step failed")


def _count(cores: Iterable[int]) -> str:
    number = len(list(cores))
    return f"{number} core{'' if number == 1 else 's'}"


def _ghz(khz: int) -> str:
    return f"{khz / 1e6:.2f} GHz"
