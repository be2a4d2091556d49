"""The design of the experiment: artifacts and options in, a plan out.

Artifacts of one format and precision form a group around their baseline. The slots of a group take
turns of a few inferences, in rounds in which each follows each equally often (`planning.orders`),
so that whatever disturbs the machine for longer than some hundredths of a second, and whatever a
model leaves in the caches, hits all of them alike. Rounds are divided among fresh processes,
because the layout of memory differs between processes and is fixed within one.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgebench.benchmarks.planning.orders import balanced_order, there_and_back
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import GroupSize, Size
from edgebench.converters.artifact import PLAIN_PIXELS, Artifact, Manifest, TensorSpec, stored_name
from edgebench.deploy.documents.plan import (
    CALL_FLOOR,
    Cooldown,
    EvaluationInputs,
    Group,
    KeptOutput,
    Plan,
    PlannedArtifact,
    PlannedBlock,
    StoredInput,
    TurnLength,
    Warmup,
)
from edgebench.deploy.documents.staging import content_name
from edgebench.errors import DataError, InvalidFileError, UnknownNameError, UsageError
from edgebench.tasks.task import RoleOutput

AGAIN = "~again"
"""Marks the second slot of an artifact that is measured against itself."""

WARMUP_WINDOW = 3
WARMUP_TOLERANCE = 0.1
"""What is nearer to steady is dropped at the start of turns: another model's leave as much."""

UNDECIDED = TurnLength(1, 0, 1)
"""The turns of a drafted plan, before the pilot says how long they are to be."""

SMALLEST = GroupSize(UNDECIDED, blocks=1, rounds=1, there_and_back=True)

WITHIN_C = 3.0
"""A device is cool again this many degrees above its start: sensors at rest scatter so much."""


@dataclass(frozen=True)
class Family:
    """The artifacts of one group: a baseline and what is compared with it.

    `itself` is whether the baseline is measured against itself, as the call's floor always is.
    """

    name: str
    baseline: Artifact
    models: tuple[Artifact, ...]
    itself: bool = False

    @property
    def format(self) -> str:
        return self.baseline.manifest.format


def choose(artifacts: Iterable[Artifact], request: RunRequest) -> tuple[Family, ...]:
    """The families that a request asks for, in the order of formats and precisions found.

    Raises `UnknownNameError` for a model, format or precision that no artifact has, `UsageError`
    if nothing is left to compare and `DataError` if there are no artifacts.
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
    own = [one for one in wanted if not one.manifest.external]
    families = (*_families(own, every, request), *_external_families(wanted, request))
    if not families:
        model = request.models[0] if request.models else every[0].manifest.model
        raise UsageError(
            f"no artifact in {request.artifacts} has a baseline of the same format and precision",
            "export the baseline too, or name one with --baseline; --models "
            f"{model} --baseline {model} measures {model} by itself",
        )
    return families


def floors(artifacts: Iterable[Artifact], families: Sequence[Family]) -> tuple[Family, ...]:
    """The families of the call's floor, one for each format and precision that is measured."""
    found = {(one.manifest.format, one.manifest.precision): one for one in artifacts}
    kinds = dict.fromkeys(floor_kind(family.baseline.manifest) for family in families)
    return tuple(
        Family(f"{CALL_FLOOR}, {' '.join(kind)}", found[kind], (), itself=True)
        for kind in kinds
        if kind in found
    )


def floor_kind(manifest: Manifest) -> tuple[str, str]:
    """The format and precision of the call's floor for an artifact."""
    mixed = manifest.mix.base if manifest.mix else manifest.precision
    return manifest.format, mixed


def is_floor(group: Group) -> bool:
    """Whether a group is the call's floor."""
    return group.baseline.startswith(f"{CALL_FLOOR}.")


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


def _families(
    wanted: Sequence[Artifact], every: Sequence[Artifact], request: RunRequest
) -> Iterable[Family]:
    by_name = {
        (one.manifest.model, one.manifest.format, one.manifest.precision): one
        for one in every
        if not one.manifest.external
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
        baseline = by_name.get(key) or _without_exceptions(members[key], by_name, key)
        if baseline is not None:
            yield Family(f"{key[0]}, {key[1]} {key[2]}", baseline, tuple(members[key]))


def _without_exceptions(
    members: Sequence[Artifact],
    by_name: Mapping[tuple[str, str, str], Artifact],
    key: tuple[str, str, str],
) -> Artifact | None:
    """The baseline of a mixed precision in that precision without its exceptions."""
    mix = members[0].manifest.mix if members else None
    return by_name.get((key[0], key[1], mix.base)) if mix else None


def _external_families(wanted: Sequence[Artifact], request: RunRequest) -> Iterable[Family]:
    """External model files, each with the named baseline: one family per format.

    Nothing says which of them belong together, and their precisions are read from their weights.
    So every file that the baseline's runtime can run is compared with it.
    """
    for baseline in wanted:
        manifest = baseline.manifest
        if manifest.model != request.baseline:
            continue
        others = tuple(
            one
            for one in wanted
            if one is not baseline
            and one.manifest.format == manifest.format
            and (one.manifest.external or manifest.external)
            and _asked(one.manifest.model, request.models)
        )
        if others or (manifest.external and request.against_itself):
            kind = "" if manifest.external else f" {manifest.precision}"
            yield Family(f"{manifest.model}, {manifest.format}{kind}", baseline, others)


def _precision_order(key: tuple[str, str, str]) -> tuple[str, str, bool, int, str]:
    """By baseline and format; floats before integers, and wider floats first."""
    baseline, form, precision = key
    is_float = precision.startswith("fp")
    return baseline, form, not is_float, -int(precision[2:]) if is_float else 0, precision


def draft_plan(identity: str, families: Sequence[Family], request: RunRequest) -> Plan:
    """The plan without what the pilot decides: the blocks and their length."""
    artifacts: dict[str, PlannedArtifact] = {}
    groups = []
    for family in families:
        slots = {one.key: one for one in (family.baseline, *family.models)}
        if request.against_itself or family.itself:
            slots[family.baseline.key + AGAIN] = family.baseline
        artifacts.update({slot: _planned(one) for slot, one in slots.items()})
        groups.append(Group(family.name, family.baseline.key, tuple(slots), UNDECIDED))
    return Plan(
        id=identity,
        seed=request.seed,
        threads=request.threads,
        cores=request.cores,
        delegate=request.delegate,
        artifacts=artifacts,
        groups=tuple(groups),
        processes=0,
        first_look=0,
        blocks=(),
        warmup=Warmup(WARMUP_WINDOW, WARMUP_TOLERANCE, 0.0),
        cooldown=Cooldown(WITHIN_C, 0.0) if request.cool_down else None,
    )


def lay_out(draft: Plan, size: Size, warmup_s: float) -> Plan:
    """A drafted plan with the blocks of a size; slots may warm up for `warmup_s` seconds.

    A group that the size leaves out, because nothing of it runs, has the smallest blocks there are:
    the result then says why they fail.
    """
    sizes = {group.name: size.groups.get(group.name, SMALLEST) for group in draft.groups}
    groups = tuple(replace(one, turn=sizes[one.name].turn) for one in draft.groups)
    return replace(
        draft,
        processes=size.processes,
        first_look=size.first_look,
        groups=groups,
        blocks=tuple(_blocks(groups, sizes, size.processes, random.Random(draft.seed))),
        warmup=replace(draft.warmup, max_s=round(warmup_s, 4)),
    )


def cooling(plan: Plan, longest_s: float, start_c: dict[str, float] | None) -> Plan:
    """A plan that waits at most `longest_s` in total for the device to cool to `start_c`.

    Unchanged if the plan does not cool down. `start_c` gives temperatures by sensor; None means
    those at the start of the plan.
    """
    if plan.cooldown is None:
        return plan
    each_s = round(longest_s / plan.processes, 1)
    return replace(plan, cooldown=replace(plan.cooldown, max_s=each_s, start_c=start_c))


def _blocks(
    groups: Sequence[Group], sizes: Mapping[str, GroupSize], processes: int, chance: random.Random
) -> Iterator[PlannedBlock]:
    """All blocks in the order they run: process by process, the groups taking turns."""
    index = 0
    for process in range(processes):
        for turn in range(max(one.blocks for one in sizes.values())):
            for group in chance.sample(groups, len(groups)):
                own = sizes[group.name]
                if turn < own.blocks:
                    yield PlannedBlock(index, process, group.name, _order(group, own, chance))
                    index += 1


def _order(group: Group, size: GroupSize, chance: random.Random) -> tuple[str, ...]:
    models = len(group.slots)
    rounds = (
        there_and_back(models, chance) if size.there_and_back else balanced_order(models, 1, chance)
        for _ in range(size.rounds)
    )
    return tuple(group.slots[place] for one in rounds for place in one)


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
    inputs = manifest.evaluation
    if inputs is None:
        return None
    preprocessing = manifest.preprocessing or PLAIN_PIXELS
    channels, axes = (1, ()) if inputs.arrays else image_axes(manifest.inputs[0])
    mean, std = (
        values * channels if len(values) == 1 else values
        for values in (preprocessing.mean, preprocessing.std)
    )
    return EvaluationInputs(
        file=content_name(Path(inputs.inputs), inputs.inputs_sha256),
        sha256=inputs.inputs_sha256,
        mean=mean,
        std=std,
        axes=axes,
        outputs=tuple(kept_output(one, manifest) for one in inputs.task.outputs),
        arrays=tuple(_stored(name, manifest) for name in inputs.arrays),
    )


def _stored(name: str, manifest: Manifest) -> StoredInput:
    """Where the file takes an input. Raises `InvalidFileError` where it does not."""
    for index, spec in enumerate(manifest.inputs):
        if (spec.onnx or spec.name) == name:
            return StoredInput(stored_name(name), spec.name, index, spec.axes)
    raise InvalidFileError(
        f"the manifest of {manifest.file} has no input {name}",
        "export it again with: edgebench export",
    )


def image_axes(spec: TensorSpec) -> tuple[int, tuple[int, ...]]:
    """How many channels an image input has, and which axis of NCHW each of the file's axes is.

    A graph may have its channels last itself; they are one or three, wherever they are.
    """
    onnx = dict(zip(spec.axes, spec.shape, strict=True))
    if len(onnx) == 4 and onnx[1] not in (1, 3) and onnx[3] in (1, 3):
        return onnx[3], tuple((0, 2, 3, 1)[axis] for axis in spec.axes)
    return onnx[1], spec.axes


def kept_output(role: RoleOutput, manifest: Manifest) -> KeptOutput:
    """Where the file has the output of a role. Raises `InvalidFileError` where it has none."""
    for index, spec in enumerate(manifest.outputs):
        if (spec.onnx or spec.name) == role.output:
            return KeptOutput(role.role, role.output, spec.name, index, spec.axes, role.reduction)
    raise InvalidFileError(
        f"the manifest of {manifest.file} has no output {role.output}",
        "export it again with: edgebench export",
    )
