"""The noise floor: what a device shows when a model is measured against itself (A/A)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from edgebench.benchmarks.statistics import Interval

STALE_DAYS = 30
"""Updates, dust and a new case change a device's habits."""


@dataclass(frozen=True)
class NoiseFloor:
    """The interval of an A/A overhead on a device, and when it was measured.

    `measured` is an ISO date such as 2026-11-21. `format` and `precision` are those of the
    artifact that was measured against itself.
    """

    device: str
    measured: str
    interval: Interval
    format: str
    precision: str

    @property
    def reach(self) -> float:
        """The largest overhead, either way, that nothing but noise explains here."""
        return max(abs(self.interval.low), abs(self.interval.high))


def caution(floor: NoiseFloor | None, device: str, day: str) -> str | None:
    """What a reader has to know of a device's noise floor on an ISO day: missing or stale."""
    remedy = f"measure it with: edgebench noise --device {device}"
    if floor is None:
        return f"the noise floor of {device} is not known; {remedy}"
    age = (date.fromisoformat(day) - date.fromisoformat(floor.measured)).days
    if age > STALE_DAYS:
        return f"the noise floor of {device} is {age} days old; {remedy}"
    return None
