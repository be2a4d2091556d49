"""The noise floor: what a device shows when a model is measured against itself (A/A)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.gate.setting import Setting
from edgebench.intervals import Interval

STALE_DAYS = 30
"""Updates, dust and a new case change a device's habits."""


@dataclass(frozen=True)
class NoiseFloor:
    """The interval of an A/A overhead on a device, and when it was measured.

    `measured` is an ISO date such as 2026-11-21. `format` and `precision` are those of the
    artifact that was measured against itself. It holds for the `setting` that it was measured in.
    """

    device: str
    measured: str
    interval: Interval
    format: str
    precision: str
    model: str = ""
    setting: Setting | None = None

    @property
    def reach(self) -> float:
        """The largest overhead, in either direction, that noise alone explains on this device."""
        return max(abs(self.interval.low), abs(self.interval.high))


@dataclass(frozen=True)
class NoiseFloors:
    """The floors of one device, one for each format, precision and setting, the newest last."""

    SCHEMA: ClassVar[str] = "edgebench.noise/1"

    device: str
    floors: tuple[NoiseFloor, ...]

    def find(self, form: str, precision: str, setting: Setting | None = None) -> NoiseFloor | None:
        """The newest floor of a format and precision, of the setting if there is one."""
        of_kind = [one for one in self.floors if (one.format, one.precision) == (form, precision)]
        of_setting = [one for one in of_kind if one.setting == setting]
        return next(reversed(of_setting or of_kind), None)


def warning(
    floor: NoiseFloor | None, device: str, day: str, setting: Setting | None = None
) -> Diagnostic | None:
    """What to know of a device's noise floor on an ISO day: missing, old or of another setting."""
    if floor is None:
        return Diagnostic("noise_floor_unknown", {"device": device})
    age = date.fromisoformat(day) - date.fromisoformat(floor.measured)
    if age.days > STALE_DAYS:
        return Diagnostic("noise_floor_old", {"device": device, "age_days": age.days})
    if setting is not None and floor.setting is not None:
        for one in setting.differences(floor.setting)[:1]:
            values = {"device": device, "name": one.name, "floor": one.after, "run": one.before}
            return Diagnostic("noise_floor_of_another_setting", values)
    return None


def warnings(
    floors: NoiseFloors, kinds: Sequence[tuple[str, str, Setting]], day: str
) -> tuple[Diagnostic, ...]:
    """What to know of the floors of some formats and precisions, each once."""
    found: list[Diagnostic] = []
    for form, precision, setting in kinds:
        one = warning(floors.find(form, precision, setting), floors.device, day, setting)
        if one is not None and one not in found:
            found.append(one)
    return tuple(found)
