"""A fleet: several devices measured side by side, each in a run folder of its own.

The fleet's folder is next to those of its members and holds

    fleet.json    the request for every device, its run folder, and why it failed if it did

The results are only in the members' run folders, which are ordinary ones. A run of one device has
no folder but its own, and is read as a fleet of one.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.runs import history
from edgebench.deploy.documents.staging import RESULT
from edgebench.documents import load, save
from edgebench.errors import DataError

FLEET = "fleet.json"


@dataclass(frozen=True)
class Member:
    """One device of a fleet.

    `run` names its run folder, None if there is none yet. `failure` and `remedy` say why it
    did not carry out its plan; None if it did or was interrupted.
    """

    request: RunRequest
    run: str | None = None
    failure: str | None = None
    remedy: str = ""

    @property
    def device(self) -> str:
        return self.request.device


@dataclass(frozen=True)
class Fleet:
    """The requests for the devices, in the order in which they were named."""

    SCHEMA: ClassVar[str] = "edgebench.fleet/1"

    started: str
    command: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class MemberComparison:
    """The results of one device of a fleet; `comparison` is None if nothing was measured."""

    device: str
    run: str | None
    failure: str | None
    remedy: str
    comparison: Comparison | None


@dataclass(frozen=True)
class FleetComparison:
    """The results of a fleet in one document."""

    SCHEMA: ClassVar[str] = "edgebench.fleet-comparison/2"

    fleet: str
    started: str
    command: str
    threshold: float
    members: tuple[MemberComparison, ...]

    @property
    def measured(self) -> tuple[Comparison, ...]:
        """The comparisons that there are."""
        return tuple(one.comparison for one in self.members if one.comparison is not None)


def new(requests: Sequence[RunRequest], out: Path, command: str = "") -> Path:
    """Create a fleet's folder, for one request per device. Raises `UnwritableError`."""
    folder = run_folder.new_folder(out, "fleet")
    started = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    members = tuple(Member(request) for request in requests)
    save(folder / FLEET, Fleet(started, command, members))
    return folder


def is_fleet(folder: Path) -> bool:
    return (folder / FLEET).exists()


def names(folder: Path) -> tuple[str, ...]:
    """The devices of a fleet, or the one of a run. Raises `InvalidFileError`."""
    if not is_fleet(folder):
        return (load(folder / run_folder.REQUEST, RunRequest).device,)
    return tuple(member.device for member in load(folder / FLEET, Fleet).members)


def latest(out: Path) -> Path:
    """The newest fleet's folder. Raises `DataError`."""
    folders = sorted(path.parent for path in out.glob(f"*/{FLEET}"))
    if not folders:
        raise DataError(
            f"there is no run of several devices in {out}",
            "start one: edgebench run --device A --device B",
        )
    return folders[-1]


def of_member(run: Path) -> Path | None:
    """The folder of the fleet that a run folder belongs to, if any. Raises `InvalidFileError`."""
    for path in sorted(run.parent.glob(f"*/{FLEET}"), reverse=True):
        if any(member.run == run.name for member in load(path, Fleet).members):
            return path.parent
    return None


def read(folder: Path) -> FleetComparison:
    """The results of a fleet, or of a run as a fleet of one. Raises `InvalidFileError`."""
    if not is_fleet(folder):
        return _alone(folder)
    fleet = load(folder / FLEET, Fleet)
    return FleetComparison(
        fleet=folder.name,
        started=fleet.started,
        command=fleet.command,
        threshold=fleet.members[0].request.threshold,
        members=tuple(
            MemberComparison(
                one.device,
                one.run,
                one.failure,
                one.remedy,
                _comparison(folder.parent / one.run) if one.run else None,
            )
            for one in fleet.members
        ),
    )


def _alone(run: Path) -> FleetComparison:
    comparison = _comparison(run)
    if comparison is None:
        request = load(run / run_folder.REQUEST, RunRequest)
        member = MemberComparison(request.device, run.name, None, "", None)
        return FleetComparison(run.name, "", "", request.threshold, (member,))
    member = MemberComparison(comparison.device, run.name, None, "", comparison)
    return FleetComparison(
        run.name, comparison.started, comparison.command, comparison.threshold, (member,)
    )


def _comparison(run: Path) -> Comparison | None:
    there = any((run / name).exists() for name in (RESULT, run_folder.COMPARISON))
    return history.judged(run) if there else None
