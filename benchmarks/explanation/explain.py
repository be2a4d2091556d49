"""From a run folder to its explanation: where a model's overhead comes from.

The cost of a stage's attention is measured: the time of the whole model less that of the model
without it. They take turns, so the difference is paired like the overhead itself, and its interval
is over processes like the overhead's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.explanation import breakdown, profiles
from edgebench.benchmarks.explanation.profiles import Placed
from edgebench.benchmarks.results.compare import judged, timed_blocks
from edgebench.benchmarks.results.explanation import Explained, Explanation, StageCost
from edgebench.benchmarks.results.measured import MeasuredRun
from edgebench.benchmarks.statistics import paired
from edgebench.benchmarks.statistics.levels import TimedBlock, paired_times, weights
from edgebench.benchmarks.statistics.looks import fewest_processes
from edgebench.benchmarks.statistics.paired import Floats
from edgebench.converters.artifact import Manifest, Operation
from edgebench.deploy.documents.plan import Group
from edgebench.deploy.documents.result import Profile
from edgebench.intervals import Estimate


def wanted(run: MeasuredRun) -> bool:
    """Whether a run was made to be explained: with stages removed, or profiled."""
    ablated = any(run.manifests[slot].ablation for slot in run.plan.artifacts)
    return ablated or run.plan.profile


def explain(run: MeasuredRun) -> Explanation:
    """Explain every model of a run whose operations are counted and some are attention."""
    return Explanation(
        run=run.name,
        device=run.request.device,
        models=tuple(one for group in run.plan.groups for one in _group(run, group)),
    )


def _group(run: MeasuredRun, group: Group) -> Iterable[Explained]:
    blocks = timed_blocks(run, group)
    for slot in group.slots:
        manifest = run.manifests[slot]
        attends = any(one.attention for one in manifest.operations)
        if attends and manifest.ablation is None and manifest.model != manifest.baseline:
            yield _explained(_Case(run, group, slot, blocks))


@dataclass(frozen=True)
class _Over:
    """By process: a difference in seconds, its weight, and the process's number."""

    seconds: Floats
    weights: Floats
    processes: list[int]

    @property
    def enough(self) -> bool:
        """Whether there are as many as an interval needs."""
        return len(self.processes) >= fewest_processes()

    def centre(self, seconds: Floats) -> Estimate:
        """Of values of these processes."""
        return paired.centre(seconds, weights=self.weights)


@dataclass(frozen=True)
class _Case:
    """One model of one group, with the blocks of the group."""

    run: MeasuredRun
    group: Group
    slot: str
    blocks: Sequence[TimedBlock]

    @property
    def manifest(self) -> Manifest:
        return self.run.manifests[self.slot]

    @property
    def ablations(self) -> dict[int, str]:
        """The slots that lack one stage of this model, by stage."""
        found = {}
        for slot in self.group.slots:
            ablation = self.run.manifests[slot].ablation
            if ablation is not None and ablation.model == self.manifest.model:
                found[ablation.stage] = slot
        return found

    def over(self, slot: str) -> _Over:
        """This model's time less a slot's."""
        found = paired_times(self.blocks, self.slot, slot)
        return _Over(
            np.array([one.difference_s for one in found]),
            weights(found),
            [one.process for one in found],
        )

    def cost(self, slot: str) -> Estimate | None:
        over = self.over(slot)
        return over.centre(over.seconds) if over.enough else None

    def distrust(self, slot: str) -> tuple[Diagnostic, ...]:
        """Why a difference to a slot cannot be trusted, by the checks that verdicts pass."""
        pair = replace(self.group, baseline=slot, slots=(slot, self.slot))
        verdict = judged(self.run, pair, self.slot, self.blocks).verdict
        return verdict.reasons


def _explained(case: _Case) -> Explained:
    manifest, group = case.manifest, case.group
    operations = manifest.operations
    evaluation = case.run.result.evaluations.get(case.slot)
    profile = evaluation.profile if evaluation else None
    placed = profiles.place(profile.operations, operations) if profile else []
    levels = [
        one.slots[group.baseline].level_s for one in case.blocks if group.baseline in one.slots
    ]
    return Explained(
        group=group.name,
        model=manifest.model,
        baseline=case.run.manifests[group.baseline].model,
        format=manifest.format,
        precision=manifest.precision,
        baseline_s=float(np.median(levels)) if levels else None,
        whole_s=case.cost(group.baseline),
        remainder_s=_remainder(case),
        stages=tuple(
            _stage(case, stage, placed, profile)
            for stage in sorted({one.stage for one in operations if one.attention and one.stage})
        ),
        kinds=breakdown.kinds(operations, placed, profile),
        profile=breakdown.profiled(profile, placed) if profile else None,
        roofline=tuple(breakdown.points(placed)),
        reasons=case.distrust(group.baseline),
    )


def _stage(case: _Case, stage: int, placed: Sequence[Placed], profile: Profile | None) -> StageCost:
    def here(one: Operation) -> bool:
        return one.attention and one.stage == stage

    mine = [one for one in case.manifest.operations if here(one)]
    slot = case.ablations.get(stage)
    return StageCost(
        stage=stage,
        side=math.ceil(_side(case.manifest) / 2**stage),
        blocks=len({one.block for one in mine}),
        cost_s=case.cost(slot) if slot else None,
        share=_share(case, slot) if slot else None,
        profiled_s=breakdown.time(placed, here) if profile else None,
        counted=breakdown.counted(mine),
        reasons=case.distrust(slot) if slot else (),
    )


def _side(manifest: Manifest) -> int:
    """The input's height and width: what is left of its shape without batch and channels."""
    shape, axes = manifest.inputs[0].shape, manifest.inputs[0].axes
    return shape[axes.index(2)] if 2 in axes else 0


def _share(case: _Case, slot: str) -> Estimate | None:
    """A stage's part of the whole overhead.

    The interval holds all parts p for which cost - p * whole is compatible with zero (Fieller
    1954, with the signed-rank test in place of Student's). It is None unless the whole is above
    zero in every process and known to better than a half.
    """
    cost, whole = case.over(slot), case.over(case.group.baseline)
    if cost.processes != whole.processes or not whole.enough:
        return None
    of_cost, of_whole = cost.seconds, whole.seconds
    known = whole.centre(of_whole)
    if of_whole.min() <= 0 or known.low < known.value / 2:
        return None
    ends = of_cost / of_whole
    low, high = float(ends.min()) - 1e-6, float(ends.max()) + 1e-6

    def root(end: Callable[[Estimate], float]) -> float:
        def at(part: float) -> float:
            return end(whole.centre(of_cost - part * of_whole))

        return float(optimize.brentq(at, low, high))

    return Estimate(
        root(lambda one: one.value), root(lambda one: one.low), root(lambda one: one.high)
    )


def _remainder(case: _Case) -> Estimate | None:
    """The whole less the sum of the stages' costs, if every stage was measured."""
    stages = {one.stage for one in case.manifest.operations if one.attention}
    if not stages or stages != set(case.ablations):
        return None
    whole = case.over(case.group.baseline)
    parts = [case.over(slot) for slot in case.ablations.values()]
    if any(one.processes != whole.processes for one in parts) or not whole.enough:
        return None
    return whole.centre(whole.seconds - np.sum([one.seconds for one in parts], axis=0))
