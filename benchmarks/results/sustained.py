"""A run under load: latency over time, the first minute against the last, and energy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.gate.run_checks import delegate_reason
from edgebench.benchmarks.planning.sustained import UNITS
from edgebench.benchmarks.results.energy import Energy, LoadedBlock, energy
from edgebench.benchmarks.results.measured import MeasuredRun, measured
from edgebench.benchmarks.statistics.levels import counts_own_time, timed_block
from edgebench.benchmarks.statistics.two_samples import FEWEST, shift
from edgebench.deploy.documents.plan import Group
from edgebench.deploy.documents.result import Readings, RunResult
from edgebench.intervals import Estimate

PAUSE_S = 5.0
PAUSE_BLOCKS = 3.0
"""Load that stops for longer than this, and than so many blocks take, has paused."""

SustainedOutcome = Literal["steady", "slower", "unclear", "no answer"]


@dataclass(frozen=True)
class Point:
    """The level of a model's inferences in one block, whose middle was `at_s` after the start."""

    at_s: float
    latency_s: float


@dataclass(frozen=True)
class State:
    """What the device told of heat and speed after a block; see `Readings`.

    `temperature_c` is the hottest sensor's, and `frequency_khz` that of the core which measured, or
    of the fastest where that is not known.
    """

    at_s: float
    temperature_c: float | None
    thermal_status: int | None
    throttled: bool | None
    frequency_khz: int | None


@dataclass(frozen=True)
class Pause:
    """The load stopped `at_s` for so many seconds, as when the run was interrupted."""

    at_s: float
    seconds: float


@dataclass(frozen=True)
class SustainedModel:
    """One slot under load.

    `first_s` and `last_s` are its median levels in the first and the last blocks of the longest
    load without a pause, and `change` is how much longer it takes there, a fraction. `reason` says
    why there is no answer.
    """

    slot: str
    baseline: str
    points: tuple[Point, ...]
    first_s: float | None
    last_s: float | None
    change: Estimate | None
    outcome: SustainedOutcome
    reason: Diagnostic | None = None


@dataclass(frozen=True)
class Sustained:
    """A sustained run, in seconds since its load began.

    The first and the last part are compared of the longest load without a pause, which went from
    `from_s` to `to_s`; they took `first_part_s` and `last_part_s`.
    """

    asked_s: float
    from_s: float
    to_s: float
    first_part_s: float
    last_part_s: float
    models: tuple[SustainedModel, ...]
    states: tuple[State, ...]
    pauses: tuple[Pause, ...]
    energy: Energy


@dataclass(frozen=True)
class _Block:
    loaded: LoadedBlock
    start_s: float
    end_s: float


def sustained(run: MeasuredRun, families: Sequence[Group]) -> Sustained:
    """What a sustained run found, of the families that it was drafted for."""
    blocks = _blocks(run.result)
    baselines = {slot: group.baseline for group in families for slot in group.slots}
    parts = _unbroken(blocks)
    longest = max(parts, key=lambda one: one[-1].end_s - one[0].start_s, default=[])
    window = UNITS * len(baselines)
    first, last = longest[:window], longest[-window:]
    return Sustained(
        asked_s=run.request.sustain_s or 0.0,
        from_s=longest[0].start_s if longest else 0.0,
        to_s=longest[-1].end_s if longest else 0.0,
        first_part_s=first[-1].end_s - first[0].start_s if first else 0.0,
        last_part_s=last[-1].end_s - last[0].start_s if last else 0.0,
        models=tuple(
            _model(run, slot, baseline, blocks, longest, len(baselines))
            for slot, baseline in baselines.items()
        ),
        states=tuple(_state(one) for one in blocks if one.loaded.block.after),
        pauses=tuple(
            Pause(one[-1].end_s, other[0].start_s - one[-1].end_s)
            for one, other in itertools.pairwise(parts)
        ),
        energy=energy([one.loaded for one in longest], baselines),
    )


def loaded_s(result: RunResult) -> float:
    """How long the load of a sustained run went on so far, without its pauses."""
    return sum(part[-1].end_s - part[0].start_s for part in _unbroken(_blocks(result)))


def _blocks(result: RunResult) -> list[_Block]:
    """The measured blocks in the order in which they ran."""
    own_time = counts_own_time(result.context)
    found = []
    for block in measured(result.blocks):
        if block.before is None or block.after is None:
            continue
        times = timed_block(block, own_time).slots.values()
        level_s = float(np.median(np.concatenate([one.own_ns for one in times]))) / 1e9
        loaded = LoadedBlock(block.group, block, level_s)
        found.append(_Block(loaded, block.before.unix_s, block.after.unix_s))
    found.sort(key=lambda one: one.start_s)
    begin = found[0].start_s if found else 0.0
    return [_Block(one.loaded, one.start_s - begin, one.end_s - begin) for one in found]


def _unbroken(blocks: Sequence[_Block]) -> list[list[_Block]]:
    """The blocks in parts, between which the load paused."""
    if not blocks:
        return []
    usual_s = float(np.median([one.end_s - one.start_s for one in blocks]))
    parts = [[blocks[0]]]
    for last, one in itertools.pairwise(blocks):
        if one.start_s - last.end_s > max(PAUSE_S, PAUSE_BLOCKS * usual_s):
            parts.append([])
        parts[-1].append(one)
    return parts


def _model(
    run: MeasuredRun,
    slot: str,
    baseline: str,
    blocks: Sequence[_Block],
    longest: Sequence[_Block],
    comparisons: int,
) -> SustainedModel:
    points = tuple(
        Point(round((one.start_s + one.end_s) / 2, 3), one.loaded.latency_s)
        for one in blocks
        if one.loaded.slot == slot
    )
    own = [one.loaded.latency_s for one in longest if one.loaded.slot == slot]
    units = min(UNITS, len(own) // 2)
    first, last = np.array(own[:units]), np.array(own[len(own) - units :])
    reason = unanswered(run, slot, units)
    change = None
    if units >= FEWEST:
        logs = shift(np.log(first), np.log(last), comparisons)
        change = Estimate(*(float(np.expm1(end)) for end in (logs.value, logs.low, logs.high)))
    return SustainedModel(
        slot=slot,
        baseline=baseline,
        points=points,
        first_s=float(np.median(first)) if units else None,
        last_s=float(np.median(last)) if units else None,
        change=change,
        outcome=_outcome(change, run.request.threshold) if reason is None else "no answer",
        reason=reason,
    )


def unanswered(run: MeasuredRun, slot: str, units: int) -> Diagnostic | None:
    """Why a model with so many blocks at either end has no answer; None where it has one."""
    evaluation, model = run.result.evaluations.get(slot), run.manifests[slot].model
    if evaluation is not None and evaluation.error:
        return Diagnostic("does_not_run", {"model": model, "error": evaluation.error})
    lost = delegate_reason(evaluation, run.plan.delegate, model)
    if lost is None and units < FEWEST:
        return Diagnostic("too_short_a_load", {"model": model, "blocks": units, "needed": FEWEST})
    return lost


def _outcome(change: Estimate | None, threshold: float) -> SustainedOutcome:
    """Whether a model got slower under load by more than the threshold."""
    if change is None:
        return "no answer"
    if change.low > threshold:
        return "slower"
    return "steady" if change.high < threshold else "unclear"


def _state(one: _Block) -> State:
    after = one.loaded.block.after
    assert after is not None
    temperatures = (after.temperatures_c or {}).values()
    return State(
        at_s=round(one.end_s, 3),
        temperature_c=max(temperatures, default=None),
        thermal_status=after.thermal_status,
        throttled=after.throttled,
        frequency_khz=_frequency_khz(after),
    )


def _frequency_khz(after: Readings) -> int | None:
    known = after.frequencies_khz or {}
    own = known.get(f"cpu{after.core}")
    return own if own is not None else max(known.values(), default=None)
