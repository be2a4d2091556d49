"""The noise floor: what a device shows when a model is measured against itself (A/A)."""

from __future__ import annotations

from dataclasses import dataclass

from edgebench.benchmarks.statistics import Interval


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
