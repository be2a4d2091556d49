"""Where noise floors come from, and where they are kept.

They are kept by device in the user's data folder, because they take minutes to measure and are
valid for every run on that device, wherever its artifacts and runs are. A run folder keeps a copy
of those that its verdicts were read against, and so stays complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgebench.benchmarks.gate.noise_floor import NoiseFloor, NoiseFloors
from edgebench.benchmarks.gate.setting import setting_of
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.deploy.documents.result import RunResult
from edgebench.documents import load, save
from edgebench.places import data_folder


def floors_of(comparison: Comparison, result: RunResult) -> tuple[NoiseFloor, ...]:
    """The floors from a run's baselines against themselves; none without a verdict."""
    return tuple(
        NoiseFloor(
            device=comparison.device,
            measured=comparison.started[:10],
            interval=row.overhead.interval,
            format=group.format,
            precision=group.precision,
            model=row.model,
            setting=setting_of(result, group.format),
        )
        for group in comparison.groups
        for row in group.rows
        if row.against_itself and row.overhead and row.verdict
        if row.verdict.outcome != "no verdict"
    )


def store_of(device: str) -> Path:
    """The file that keeps a device's floors."""
    return data_folder() / "noise" / f"{device.replace('/', '_')}.json"


def read(device: str) -> NoiseFloors:
    """The floors of a device that are kept. Raises `InvalidFileError`."""
    path = store_of(device)
    return load(path, NoiseFloors) if path.exists() else NoiseFloors(device, ())


def keep(device: str, floors: Sequence[NoiseFloor]) -> Path:
    """Keep floors, each in place of an older one of its kind and setting.

    Raises `InvalidFileError` if the kept floors cannot be read, and `UnwritableError`.
    """
    new = {(one.format, one.precision, one.setting) for one in floors}
    rest = [
        one for one in read(device).floors if (one.format, one.precision, one.setting) not in new
    ]
    save(store_of(device), NoiseFloors(device, (*rest, *floors)))
    return store_of(device)
