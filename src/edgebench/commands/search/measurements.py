"""What a search measures: each stage alone, and in the end the finalists side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import console
from edgebench.benchmarks.search.candidates import NONE, Candidate
from edgebench.benchmarks.search.document import Measured, SearchRequest, StagePrice
from edgebench.commands.common.measure_options import MeasureOptions, Resume
from edgebench.commands.common.measuring import measure
from edgebench.commands.search import naming
from edgebench.errors import DeviceError, UnsupportedModelError, UsageError
from edgebench.estimate import Estimate

if TYPE_CHECKING:
    from edgebench.benchmarks.results.comparison import Comparison, ModelRow


def prices(request: SearchRequest, folder: Path) -> tuple[tuple[StagePrice, ...], str]:
    """The cost of each kind in each stage alone, and what the device is.

    What cannot be exported or measured is left out, with a word on it. Raises as a run.
    """
    alone = [
        Candidate(kind, (stage,)) for kind in request.kinds for stage in _stages(request, kind)
    ]
    there = _exported(request, [Candidate(NONE), *alone], folder)
    alone = [one for one in alone if naming.model(request.backbone, one) in there]
    if not alone:
        return (), ""
    found = _measured(request, alone, folder, "stages")
    rows = _by_model(found)
    priced = []
    for one in alone:
        row = rows.get(naming.model(request.backbone, one))
        if row is None or row.overhead is None:
            console.say(f"{one.label} is left out: {_why(row)}")
            continue
        priced.append(StagePrice(one.kind, one.stages[0], _estimate(row)))
    return tuple(priced), found.description


def finals(
    request: SearchRequest, candidates: Sequence[Candidate], folder: Path
) -> tuple[Measured, ...]:
    """The finalists, whole, and the backbone.

    One that cannot be exported is left out, with a word on it. Raises `DeviceError` where that is
    the published place, or where one does not run.
    """
    there = _exported(request, candidates, folder)
    paper = naming.model(request.backbone, Candidate(request.paper))
    if paper not in there:
        raise DeviceError(f"{paper} could not be exported", "choose another --paper")
    candidates = [one for one in candidates if naming.model(request.backbone, one) in there]
    found = _measured(request, [one for one in candidates if one.kind != NONE], folder, "finals")
    rows = _by_model(found)
    measured = []
    for one in candidates:
        name = naming.model(request.backbone, one)
        row = rows.get(name)
        bare = one.kind == NONE
        if row is None or row.latency is None or (row.overhead is None and not bare):
            raise DeviceError(f"{name} was not measured: {_why(row)}", "give the command again")
        trusted = bare or (row.verdict is not None and row.verdict.outcome != "no verdict")
        estimate = None if bare else _estimate(row)
        measured.append(Measured(one.label, name, row.latency.median_s, estimate, trusted))
    return tuple(measured)


def _stages(request: SearchRequest, kind: str) -> tuple[int, ...]:
    """The stages that can hold a kind inside their blocks."""
    from edgebench.models import ablated, registry

    whole = naming.model(request.backbone, Candidate(f"{kind}_expanded"))
    stages = ablated.stages(registry.get(whole))
    if not stages:
        raise UnsupportedModelError(f"{whole} has no attention", "choose another backbone")
    return stages


def _exported(
    request: SearchRequest, candidates: Sequence[Candidate], folder: Path
) -> frozenset[str]:
    """Export models that are not there yet; the names of those that are then.

    Why others are not is said. Raises what the export of the backbone does.
    """
    from edgebench.converters.artifact import find_artifacts
    from edgebench.converters.export.export import export_all
    from edgebench.converters.export.request import ExportRequest
    from edgebench.converters.targets import parse

    out, target = folder / "artifacts", parse(request.target)
    names = dict.fromkeys(naming.model(request.backbone, one) for one in candidates)
    wanted = [ExportRequest(name, (target,), out, command="edgebench search") for name in names]
    with console.shown_progress() as progress:
        _, failed = export_all(wanted, os.cpu_count() or 1, progress)
    there = frozenset(one.manifest.model for one in find_artifacts(out))
    if failed is not None:
        if request.backbone not in there:
            raise failed
        console.explain(failed, "left out: ")
    return there


def _measured(
    request: SearchRequest, candidates: Sequence[Candidate], folder: Path, name: str
) -> Comparison:
    """Measure models in a run of their own, or what is left of one that was interrupted."""
    runs = folder / name
    form, _, precision = request.target.partition(":")
    begun = runs.is_dir() and any(runs.iterdir())
    console.say(
        f"{'continuing to measure' if begun else 'measuring'} "
        f"{len(candidates)} models beside {request.backbone} on {request.device}"
    )
    options = MeasureOptions(
        "edgebench search",
        models=tuple(naming.model(request.backbone, one) for one in candidates),
        baseline=request.backbone,
        formats=(form,),
        precisions=(precision,),
        artifacts=folder / "artifacts",
        devices=(request.device,),
        budget_s=request.measure_s,
        whole_budget=True,
        images=1,
        threads=request.threads,
        runs=runs,
    )
    if begun:
        options = MeasureOptions("edgebench search", runs=runs, resume=Resume(None))
    try:
        done = measure(options)
    except UsageError as error:  # Of a run's own options, which are called otherwise here.
        raise UsageError(error.message, error.remedy.replace("--budget", "--measure")) from error
    if done.interrupted:
        raise KeyboardInterrupt
    (member,) = done.found.members
    if member.comparison is None:
        raise DeviceError(f"nothing was measured on {request.device}", "give the command again")
    return member.comparison


def _by_model(found: Comparison) -> dict[str, ModelRow]:
    return {row.model: row for group in found.groups for row in group.rows}


def _estimate(row: ModelRow) -> Estimate:
    assert row.overhead is not None
    return Estimate(row.overhead.value, row.overhead.interval.low, row.overhead.interval.high)


def _why(row: ModelRow | None) -> str:
    return row.error if row is not None and row.error else "the run has no time of it"
