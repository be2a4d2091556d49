"""The runs that were kept, and a summary of each.

A run is a folder of versioned JSON under `runs/`, which is complete and can be copied, sent and
deleted like any other. There is no index, because it could only disagree with the folders; a
listing reads one small file per run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgebench.benchmarks.planning.pilot import PILOT
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results import floor_store
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.results.measured import measured
from edgebench.benchmarks.results.run_folder import COMPARISON, NOISE, REQUEST
from edgebench.benchmarks.runs.offline_plan import by_hand
from edgebench.benchmarks.runs.run import judge
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import PLAN, RESULT
from edgebench.deploy.registry import devices
from edgebench.documents import load, save
from edgebench.errors import EdgeBenchError, InvalidFileError, UnknownNameError

State = Literal["complete", "interrupted", "not measured", "not judged", "unreadable"]


@dataclass(frozen=True)
class RunEntry:
    """One folder of the runs. Unknown fields are empty, and `problem` says why."""

    name: str
    state: State
    started: str = ""
    device: str = ""
    models: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    verdicts: tuple[tuple[str, int], ...] = ()
    problem: str = ""


def entries(runs: Path, device: str | None = None) -> list[RunEntry]:
    """All runs in a folder, the oldest first; of one device if that is asked for.

    Never raises for the contents: a run that cannot be read is listed with the reason, and a folder
    that is not a run is skipped.
    """
    found = [_entry(folder) for folder in sorted(_folders(runs))]
    return [one for one in found if device is None or one.device == device]


def comparisons(runs: Path) -> Iterator[Comparison]:
    """The comparison of each readable run, in the order in which they were started."""
    kept = []
    for folder in _folders(runs):
        try:
            kept.append(load(folder / COMPARISON, Comparison))
        except InvalidFileError:
            continue  # The listing names it with the reason.
    yield from sorted(kept, key=lambda one: (one.started, one.run))


def read(name: str, runs: Path) -> Comparison:
    """The comparison that a user means by a file, a folder or a run's name.

    Raises `UnknownNameError`, and `InvalidFileError` for one that cannot be read.
    """
    path = Path(name)
    if path.is_file():
        return load(path, Comparison)
    for folder in (path, runs / name):
        if folder.is_dir():
            return judged(folder)
    raise UnknownNameError(f"run in {runs}", name, (folder.name for folder in _folders(runs)))


def of_folder(folder: Path) -> Comparison:
    """The comparison of a run folder. Raises `InvalidFileError`."""
    if not (folder / COMPARISON).exists():
        raise InvalidFileError(f"{folder} has no {COMPARISON} yet", _how_to_go_on(folder))
    return load(folder / COMPARISON, Comparison)


def judged(folder: Path) -> Comparison:
    """A run's comparison: the kept one, or a new one if its result is newer or has more blocks.

    That happens if somebody else carries out the plan, and if edgebench was killed. Raises
    `InvalidFileError`, such as for the result of another plan.
    """
    if not (folder / RESULT).exists():
        return of_folder(folder)
    kept = of_folder(folder) if (folder / COMPARISON).exists() else None
    if kept is not None and not kept.interrupted:
        return kept
    result = load(folder / RESULT, RunResult)
    if kept is not None and len(measured(result.blocks)) <= kept.blocks_done:
        return kept
    device = load(folder / REQUEST, RunRequest).device
    if not (folder / NOISE).exists():
        save(folder / NOISE, floor_store.read(device))
    return judge(folder, result, _description(device), kept.command if kept else "")


def _description(device: str) -> str:
    try:
        return devices.get(device).description
    except EdgeBenchError:
        return "not registered here"


def _how_to_go_on(folder: Path) -> str:
    if (folder / RESULT).exists():
        return f"show what it measured with: edgebench report {folder}"
    if (folder / PLAN).exists() and not (folder / PILOT).exists():
        return f"carry its plan out on the device: {by_hand(folder)}"
    if (folder / REQUEST).exists():
        return f"resume it with: edgebench run --resume {folder}"
    return "start a new run: edgebench run"


def _folders(runs: Path) -> Iterator[Path]:
    for name in (PLAN, COMPARISON):
        for path in runs.glob(f"*/{name}"):
            if name == PLAN or not (path.parent / PLAN).exists():
                yield path.parent


def _entry(folder: Path) -> RunEntry:
    # A folder is named <stamp>-<device>, which is all that is known of an unreadable one.
    device = folder.name.partition("-")[2].partition("-")[2]
    if not (folder / COMPARISON).exists():
        state: State = "not judged" if (folder / RESULT).exists() else "not measured"
        return RunEntry(folder.name, state, device=device, problem=_how_to_go_on(folder))
    try:
        found = of_folder(folder)
    except InvalidFileError as error:
        return RunEntry(folder.name, "unreadable", device=device, problem=error.message)
    loaded = {one.slot: one.outcome for one in found.sustained.models} if found.sustained else {}
    rows = [row for group in found.groups for row in group.rows]
    judged = [row for row in rows if row.verdict is not None or row.slot in loaded]
    outcomes = Counter[str](loaded.values() or (one.outcome for one in found.verdicts))
    return RunEntry(
        name=folder.name,
        state="interrupted" if found.interrupted else "complete",
        started=found.started,
        device=found.device,
        models=tuple(dict.fromkeys(row.model for row in judged)),
        kinds=tuple(dict.fromkeys(f"{g.format} {g.precision}" for g in found.groups)),
        verdicts=tuple(outcomes.most_common()),
    )
