"""The run that a user means."""

from __future__ import annotations

from pathlib import Path

from edgebench.errors import DataError, UnknownNameError


def find_run(name: str | None, runs: Path) -> Path:
    """The folder of a run, of one device or several, by its name or path; the latest for None.

    Raises `UnknownNameError`, and `DataError` where there are no runs.
    """
    from edgebench.benchmarks.results.run_folder import COMPARISON, DRAFT, latest
    from edgebench.benchmarks.runs import fleet
    from edgebench.deploy.documents.staging import PLAN

    if name is None:
        newest = latest(runs, "*")
        return fleet.of_member(newest) or newest
    folder = Path(name) if Path(name).is_dir() else runs / name
    if not folder.is_dir():
        known = [*runs.glob(f"*/{PLAN}"), *runs.glob(f"*/{fleet.FLEET}")]
        raise UnknownNameError(f"run in {runs}", name, (path.parent.name for path in known))
    if not any((folder / name).exists() for name in (DRAFT, COMPARISON, fleet.FLEET)):
        raise DataError(f"{folder} is not a run folder: it has no {DRAFT}", "see: edgebench runs")
    return folder
