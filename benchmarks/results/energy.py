"""Joules an inference, where the machine tells of energy; or why they are not known.

Energy is power times latency, for a machine that runs one inference after another. The power is
what the processor counts of its own, or the battery's, and then it is the whole device's, with its
screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.statistics import paired
from edgebench.benchmarks.statistics.paired import MIN_PROCESSES
from edgebench.deploy.documents.result import MeasuredBlock, Readings
from edgebench.intervals import Estimate

EnergySource = Literal["package", "battery_power", "battery_charge"]

SETTLING = 1 / 3
"""The first part of a stretch, in which a gauge may still show the model before."""

SHORTEST_STRETCH = 3
"""In blocks: in the first and the last minute models change after each."""

CHANGED = 0.9
"""The part of the stretches in which a gauge's count has to change, or it is too coarse."""

MICRO = 1e-6
UWH = 3600 * MICRO


@dataclass(frozen=True)
class ModelEnergy:
    """Joules an inference, and how much more than the baseline's, a fraction of those.

    The overhead is None for the baseline itself, and where some stretch used nothing that shows.
    """

    slot: str
    joules: Estimate
    overhead: Estimate | None


@dataclass(frozen=True)
class Energy:
    """What is known of energy, and from where; or nothing, and why.

    `source` is the processor's own counter (`package`), the battery's power of the moment
    (`battery_power`, current times voltage), or what went out of it (`battery_charge`).
    """

    source: EnergySource | None
    models: tuple[ModelEnergy, ...]
    unknown: Diagnostic | None = None


@dataclass(frozen=True)
class LoadedBlock:
    """A block of one model alone, and the seconds that an inference took in it."""

    slot: str
    block: MeasuredBlock
    latency_s: float


Joules = dict[str, list[float]]
"""By slot, of an inference: a value for each block or stretch of blocks."""


def energy(blocks: Sequence[LoadedBlock], baselines: Mapping[str, str]) -> Energy:
    """What the blocks of an unbroken load say of energy; `baselines` gives each slot's."""
    reason = Diagnostic("energy_not_told", {})
    slots = {one.slot for one in blocks}
    for source, read in SOURCES.items():
        found = read(blocks)
        if isinstance(found, Diagnostic):
            reason = found
        elif found is not None:
            fewest = min(len(found.get(slot, ())) for slot in slots)
            if fewest >= MIN_PROCESSES:
                return Energy(source, _models(found, baselines))
            values = {"stretches": fewest, "needed": MIN_PROCESSES}
            reason = Diagnostic("energy_of_too_short_a_load", values)
    return Energy(None, (), reason)


def _models(joules: Joules, baselines: Mapping[str, str]) -> tuple[ModelEnergy, ...]:
    """Each model with its baseline, whose stretches lie beside its own."""
    found = []
    for slot, values in joules.items():
        own, reference = np.array(values), np.array(joules[baselines[slot]])
        count = min(own.size, reference.size)
        more = None
        if slot != baselines[slot] and min(own.min(), reference.min()) > 0:
            logs = paired.centre(np.log(own[:count] / reference[:count]))
            more = Estimate(*(float(np.expm1(end)) for end in (logs.value, logs.low, logs.high)))
        found.append(ModelEnergy(slot, paired.centre(own), more))
    return tuple(found)


def _package(blocks: Sequence[LoadedBlock]) -> Joules | Diagnostic | None:
    """By the processor's counters, from the beginning of each block to its end."""
    found: Joules = {}
    for one in blocks:
        before, after = one.block.before, one.block.after
        if not (before and after and before.package_energy_uj and after.package_energy_uj):
            continue
        spent_s = after.unix_s - before.unix_s
        used = [
            end - before.package_energy_uj.get(name, end + 1)
            for name, end in after.package_energy_uj.items()
        ]
        if spent_s > 0 and min(used) >= 0 and sum(used) > 0:  # A counter starts again when full.
            found.setdefault(one.slot, []).append(sum(used) * MICRO / spent_s * one.latency_s)
    return found or None


def _battery_power(blocks: Sequence[LoadedBlock]) -> Joules | Diagnostic | None:
    """By the battery's current and voltage at the end of each block."""
    found: Joules = {}
    charged = False
    for one in blocks:
        counters = one.block.after.battery_counters if one.block.after else None
        watts = _watts(counters or {})
        if one.block.after is None or not watts:
            continue
        if one.block.after.charging is not False:
            charged = True
        else:
            found.setdefault(one.slot, []).append(watts * one.latency_s)
    return Diagnostic("energy_on_charger", {}) if charged else found or None


def _watts(counters: Mapping[str, int]) -> float:
    if "power_uw" in counters:
        return abs(counters["power_uw"]) * MICRO
    return abs(counters.get("current_ua", 0)) * MICRO * counters.get("voltage_uv", 0) * MICRO


def _battery_charge(blocks: Sequence[LoadedBlock]) -> Joules | Diagnostic | None:
    """By what went out of the battery in each stretch of one model's blocks."""
    ends = [one.block.after for one in blocks if one.block.after]
    if not ends or _used_j(ends[0], ends[-1]) is None:
        return None
    if any(one.charging is not False for one in ends):
        return Diagnostic("energy_on_charger", {})
    found: Joules = {}
    changed = total = 0
    for slot, stretch in groupby(blocks, key=lambda one: one.slot):
        own = list(stretch)
        start, end = own[int(len(own) * SETTLING)].block.after, own[-1].block.after
        used_j = _used_j(start, end) if start and end else None
        if len(own) < SHORTEST_STRETCH or not (start and end) or used_j is None:
            continue
        if end.unix_s <= start.unix_s:  # The device's clock was set.
            continue
        total, changed = total + 1, changed + (used_j > 0)
        latency_s = float(np.median([one.latency_s for one in own]))
        found.setdefault(slot, []).append(used_j / (end.unix_s - start.unix_s) * latency_s)
    if changed < CHANGED * total:
        return Diagnostic("energy_too_coarse", {"changed": changed, "stretches": total})
    return found


def _used_j(start: Readings, end: Readings) -> float | None:
    """What went out of the battery in between; None where it does not tell."""
    one, other = start.battery_counters or {}, end.battery_counters or {}
    if "energy_uwh" in one and "energy_uwh" in other:
        return (one["energy_uwh"] - other["energy_uwh"]) * UWH
    if not all(name in of for of in (one, other) for name in ("charge_uah", "voltage_uv")):
        return None
    volts = (one["voltage_uv"] + other["voltage_uv"]) / 2 * MICRO
    return (one["charge_uah"] - other["charge_uah"]) * UWH * volts


Read = Callable[[Sequence[LoadedBlock]], Joules | Diagnostic | None]

SOURCES: dict[EnergySource, Read] = {
    "package": _package,
    "battery_power": _battery_power,
    "battery_charge": _battery_charge,
}
"""The finest first. Each gives joules, or why it cannot, or None where nothing is told."""
