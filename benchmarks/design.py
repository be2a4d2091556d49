"""The design of the experiment: artifacts and options in, a plan out.

Artifacts of one format and precision form a group around their baseline. A block of a group visits
the baseline A and every model once and returns in the opposite order, A B C C B A, so that each
slot's mean place in time is the same and a steady drift of the machine's speed cancels in the
ratios. Blocks are dealt to fresh processes, for the layout of memory differs from process to
process and stays within one.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebench.benchmarks.request import RunRequest
from edgebench.converters.artifact import Artifact
from edgebench.deploy.plan import (
    EvaluationInputs,
    Group,
    Plan,
    PlannedArtifact,
    PlannedBlock,
    VisitLength,
    Warmup,
)
from edgebench.deploy.staging import content_name
from edgebench.errors import DataError, UnknownNameError, UsageError

AGAIN = "~again"
"""Marks the second slot of an artifact that is measured against itself."""

PROCESSES = 6
"""The layout of memory favours one model or another by up to a per cent, anew in each process."""

MIN_ROUNDS = 12
MAX_ROUNDS = 30
TARGET_VISIT_S = 0.3
MIN_VISIT_S = 0.05
MAX_VISIT_S = 2.0
MIN_INFERENCES = 5
WARMUP_WINDOW = 3
WARMUP_TOLERANCE = 0.05
WARMUP_SHARE = 0.5
"""A visit's warm-up takes at most this part of its timed length (but one window at least)."""


@dataclass(frozen=True)
class Family:
    """The artifacts of one group: a baseline and what is compared with it."""

    name: str
    baseline: Artifact
    models: tuple[Artifact, ...]


def choose(artifacts: Iterable[Artifact], request: RunRequest) -> tuple[Family, ...]:
    """The families that a request asks for, in the order of formats and precisions found.

    Raises `UnknownNameError` for a model, format or precision that no artifact has, `UsageError`
    where nothing is left to compare and `DataError` where there are no artifacts at all.
    """
    every = sorted(artifacts, key=lambda one: one.key)
    if not every:
        raise DataError(
            f"there are no artifacts in {request.artifacts}",
            "make them with: edgebench export MODEL --to tflite:fp32",
        )
    _check_names(every, request)
    wanted = [
        one
        for one in every
        if _asked(one.manifest.format, request.formats)
        and _asked(one.manifest.precision, request.precisions)
    ]
    families = tuple(_families(wanted, request))
    if not families:
        raise UsageError(
            f"no artifact in {request.artifacts} has a baseline of its own format and precision "
            "to be compared with",
            "export the baseline too, or name one with --baseline",
        )
    return families


def _check_names(every: Sequence[Artifact], request: RunRequest) -> None:
    manifests = [one.manifest for one in every]
    models = {manifest.model for manifest in manifests}
    for kind, asked, known in (
        ("model", request.models, models),
        ("format", request.formats, {manifest.format for manifest in manifests}),
        ("precision", request.precisions, {manifest.precision for manifest in manifests}),
        ("baseline", (request.baseline,) if request.baseline else None, models),
    ):
        for name in asked or ():
            if name not in known:
                raise UnknownNameError(f"{kind} in {request.artifacts}", name, known)


def _asked(name: str, asked: tuple[str, ...] | None) -> bool:
    return asked is None or name in asked


def _families(wanted: Sequence[Artifact], request: RunRequest) -> Iterable[Family]:
    by_name = {
        (one.manifest.model, one.manifest.format, one.manifest.precision): one for one in wanted
    }
    members: dict[tuple[str, str, str], list[Artifact]] = {}
    for one in wanted:
        manifest = one.manifest
        key = (request.baseline or manifest.baseline, manifest.format, manifest.precision)
        if manifest.model == key[0]:
            if request.against_itself:
                members.setdefault(key, [])
        elif _asked(manifest.model, request.models):
            members.setdefault(key, []).append(one)
    for key in sorted(members, key=_precision_order):
        if key in by_name:
            name = f"{key[0]}, {key[1]} {key[2]}"
            yield Family(name, by_name[key], tuple(members[key]))


def _precision_order(key: tuple[str, str, str]) -> tuple[str, str, bool, int, str]:
    """By baseline and format; floats before integers, and wider floats first."""
    baseline, form, precision = key
    is_float = precision.startswith("fp")
    return baseline, form, not is_float, -int(precision[2:]) if is_float else 0, precision


def make_plan(identity: str, families: Sequence[Family], request: RunRequest) -> Plan:
    """Lay out the blocks of a run that takes about `request.budget_s` seconds.

    The budget sets the number of blocks a group (between `MIN_ROUNDS` and `MAX_ROUNDS`) and the
    length of a visit. Slow models may take longer: a visit has `MIN_INFERENCES` at least.
    """
    artifacts: dict[str, PlannedArtifact] = {}
    groups = []
    for family in families:
        slots = {one.key: one for one in (family.baseline, *family.models)}
        if request.against_itself:
            slots[family.baseline.key + AGAIN] = family.baseline
        artifacts.update({slot: _planned(one) for slot, one in slots.items()})
        groups.append(Group(family.name, family.baseline.key, tuple(slots)))
    visits_a_round = 2 * sum(len(group.slots) for group in groups)
    rounds = _rounds(request.budget_s, visits_a_round)
    visit_s = request.budget_s / (rounds * visits_a_round) / (1 + WARMUP_SHARE)
    visit_s = min(max(visit_s, MIN_VISIT_S), MAX_VISIT_S)
    return Plan(
        id=identity,
        seed=request.seed,
        threads=request.threads,
        cores=request.cores,
        delegate=request.delegate,
        artifacts=artifacts,
        groups=tuple(groups),
        processes=PROCESSES,
        blocks=_blocks(groups, rounds, random.Random(request.seed)),
        warmup=Warmup(WARMUP_WINDOW, WARMUP_TOLERANCE, round(visit_s * WARMUP_SHARE, 4)),
        visit=VisitLength(round(visit_s, 4), MIN_INFERENCES),
    )


def _rounds(budget_s: float, visits_a_round: int) -> int:
    """How many blocks each group gets: a multiple of the number of processes."""
    affordable = budget_s / (visits_a_round * TARGET_VISIT_S * (1 + WARMUP_SHARE))
    rounds = int(min(max(affordable, MIN_ROUNDS), MAX_ROUNDS))
    return rounds - rounds % PROCESSES


def _blocks(
    groups: Sequence[Group], rounds: int, chance: random.Random
) -> tuple[PlannedBlock, ...]:
    """All blocks in the order they run: process by process, the groups taking turns."""
    blocks: list[PlannedBlock] = []
    for turn in range(rounds):
        for group in chance.sample(groups, len(groups)):
            there = chance.sample(group.slots, len(group.slots))
            blocks.append(
                PlannedBlock(
                    index=len(blocks),
                    process=turn * PROCESSES // rounds,
                    group=group.name,
                    order=(*there, *reversed(there)),
                )
            )
    return tuple(blocks)


def _planned(artifact: Artifact) -> PlannedArtifact:
    manifest = artifact.manifest
    return PlannedArtifact(
        key=artifact.key,
        file=content_name(artifact.path, manifest.sha256),
        sha256=manifest.sha256,
        format=manifest.format,
        evaluation=_evaluation(artifact),
    )


def _evaluation(artifact: Artifact) -> EvaluationInputs | None:
    manifest = artifact.manifest
    if manifest.evaluation is None or manifest.preprocessing is None:
        return None
    inputs = manifest.evaluation
    return EvaluationInputs(
        file=content_name(Path(inputs.inputs), inputs.inputs_sha256),
        sha256=inputs.inputs_sha256,
        mean=manifest.preprocessing.mean,
        std=manifest.preprocessing.std,
        axes=manifest.inputs[0].axes,
        output_axes=manifest.outputs[0].axes,
    )
