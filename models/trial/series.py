"""All trainings of a trial, of which those are done that are not recorded yet."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edgebench import documents
from edgebench.errors import UsageError
from edgebench.models.trial import kept, records, together
from edgebench.models.trial.recipe import GpuRecipe, TrialRecipe
from edgebench.models.trial.records import TrialRecord
from edgebench.models.trial.training import Trained, train
from edgebench.progress import Progress


@dataclass(frozen=True)
class TrialSeries:
    """Which trainings there are to be, seed by seed, so that pairs are complete early.

    `part` of `parts` takes every so many-th training, for several processes at once. A GPU's recipe
    keeps the weights in the folder `weights`, if there is one.
    """

    recipe: TrialRecipe
    kinds: tuple[str, ...]
    seeds: int
    records: Path
    states: Path
    device: str = "auto"
    part: int = 0
    parts: int = 1
    weights: Path | None = None


def of_recipe(found: Iterable[TrialRecord], recipe: TrialRecipe) -> list[TrialRecord]:
    """The records of a recipe as it is now, each kind and seed once."""
    known: dict[tuple[str, int], TrialRecord] = {}
    for one in found:
        if one.recipe_sha256 == recipe.sha256:
            known.setdefault((one.kind, one.seed), one)
    return list(known.values())


def left(series: TrialSeries) -> list[tuple[str, int]]:
    """Kind and seed of the trainings that are not recorded."""
    known = of_recipe(records.load(series.records), series.recipe)
    done = {(one.kind, one.seed) for one in known}
    wanted = [(kind, seed) for seed in range(series.seeds) for kind in series.kinds]
    return [one for one in wanted if one not in done]


def carry_out(series: TrialSeries, progress: Progress) -> int:
    """Train what is left, and record each training as it ends; the number that were trained.

    May be killed at any moment: the training under way goes on from its state. Raises `UsageError`
    where a GPU has too little memory.
    """
    device = chosen(series.device)
    if device.type == "cuda" and isinstance(series.recipe, GpuRecipe):
        return _carry_out_together(series, series.recipe, device, progress)
    torch.set_flush_denormal(True)  # Of the whole process: put back below.
    try:
        if isinstance(series.recipe, GpuRecipe):
            return _carry_out_together(series, series.recipe, device, progress)
        return _carry_out(series, device, progress)
    finally:
        torch.set_flush_denormal(False)


def _carry_out(series: TrialSeries, device: torch.device, progress: Progress) -> int:
    trained = 0
    for kind, seed in left(series)[series.part :: series.parts]:
        if (kind, seed) not in left(series):  # Another process has ended it meanwhile.
            continue
        state = series.states / f"{series.recipe.name}_{kind}_{seed}.pt"
        done = train(series.recipe, kind, seed, state, device, progress)
        _record(series, kind, seed, done, device)
        documents.remove(state)
        trained += 1
    return trained


def _carry_out_together(
    series: TrialSeries, recipe: GpuRecipe, device: torch.device, progress: Progress
) -> int:
    trained = 0
    for wanted in _groups(series, recipe, device)[series.part :: series.parts]:
        name = f"{recipe.name}_{'_'.join(map(str, sorted({seed for _, seed in wanted})))}.pt"
        state = series.states / name
        for one in _together(recipe, wanted, device, progress, state):
            if series.weights is not None:
                kept.save(series.weights, recipe, one, device, _tools())
            _record(series, one.kind, one.seed, one.result, device)
        documents.remove(state)
        trained += len(wanted)
    return trained


def _groups(
    series: TrialSeries, recipe: GpuRecipe, device: torch.device
) -> list[list[tuple[str, int]]]:
    """Trainings that share a process: on a GPU of several seeds, on a processor of one."""
    at_once = recipe.seeds_at_once if device.type == "cuda" else 1
    todo = left(series)
    every = [
        [(kind, seed) for kind, seed in todo if first <= seed < first + at_once]
        for first in range(0, series.seeds, at_once)
    ]
    return [group for group in every if group]


def _together(
    recipe: GpuRecipe,
    wanted: list[tuple[str, int]],
    device: torch.device,
    progress: Progress,
    state: Path,
) -> list[together.TrainedTogether]:
    try:
        return together.train(recipe, wanted, device, progress, state)
    except torch.OutOfMemoryError as error:
        raise UsageError(
            f"the GPU has too little memory for {len(wanted)} networks of {recipe.name} at once",
            "give fewer --kinds at a time; what they come to is recorded and compared together",
        ) from error


def _record(series: TrialSeries, kind: str, seed: int, done: Trained, device: torch.device) -> None:
    recipe = series.recipe
    achieved = done.correct, done.count, done.answers_sha256, done.loss, done.took_s
    made_by = device.type, _tools()
    record = TrialRecord(recipe.name, recipe.sha256, kind, seed, *achieved, *made_by)
    records.append(series.records, record)


def chosen(name: str) -> torch.device:
    """The device of that name. Raises `UsageError` for one that is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device here", "train with --device cpu")
    on_gpu = name != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")


def _tools() -> dict[str, str]:
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return gpu | {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "threads": str(torch.get_num_threads()),
        "machine": platform.machine(),
    }
