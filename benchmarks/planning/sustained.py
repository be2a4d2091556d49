"""The design of a sustained run: load without a pause, each model by itself for a block at a time.

All blocks are of one process, so that nothing cools in between. In the first and the last minute
the models change after each block; in between each keeps the device for a while, so that what its
battery or its processor tells of energy is one model's.

A block of a model alone is one against itself: runners measure no baseline that has nothing beside
it, and so the plan, and the contract of the apps, are those of any run.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from edgebench.benchmarks.planning.design import AGAIN
from edgebench.benchmarks.planning.pace import SHORTEST_SAMPLE_S, GroupPace, Pace
from edgebench.deploy.documents.plan import Group, Plan, PlannedBlock, TurnLength
from edgebench.deploy.documents.result import RunResult
from edgebench.errors import UsageError

WINDOW_S = 60.0
WINDOW_SHARE = 0.15
"""The first and the last minute, or of a short run such a part of it."""

UNITS = 6
"""Blocks of each model in either window, so many that their difference has an interval."""

STRETCHES = 8
"""How often each model has the device for a while in between."""

SAMPLES = 50
"""A turn has about so many samples at most, each of several inferences where they are short."""

FEWEST_INFERENCES = 4

PILOT_LIMIT_S = 5.0
"""The pilot warms the device up, so it is shorter than another run's."""


def window_s(sustain_s: float) -> float:
    """How long the first and the last part of a run are that are compared."""
    return min(WINDOW_S, WINDOW_SHARE * sustain_s)


def models(group: Group) -> tuple[str, ...]:
    """The slots that a sustained run measures of a family: each artifact once."""
    return tuple(slot for slot in group.slots if not slot.endswith(AGAIN))


def mean_inference_s(pilot: RunResult) -> dict[str, float]:
    """By slot, what an inference took in a pilot with all that disturbed it.

    A median leaves out the time in which others had the core; the length of a load has it in it.
    """
    times: dict[str, list[int]] = {}
    for turn in (turn for block in pilot.blocks for turn in block.turns):
        times.setdefault(turn.slot, []).extend((*turn.dropped_ns, *turn.samples_ns))
    return {slot: sum(one) / len(one) / 1e9 for slot, one in times.items()}


def lay_out(
    draft: Plan, pace: Pace, sustain_s: float, mean_s: Mapping[str, float] | None = None
) -> Plan:
    """A drafted plan with blocks for so many seconds of load, from a pilot's pace.

    `mean_s` has the seconds of an inference by slot where they are not the pace's.

    Slots that do not run have the shortest turns: the result then says why they fail. Raises
    `UsageError` for a time that is too short for so many models.
    """
    slots = list(dict.fromkeys(slot for group in draft.groups for slot in models(group)))
    groups_of = (
        replace(
            one,
            inference_s={s: (mean_s or {}).get(s, usual) for s, usual in one.inference_s.items()},
        )
        for one in pace.groups.values()
    )
    of = {slot: group for group in groups_of for slot in group.inference_s if slot in slots}
    block_s = window_s(sustain_s) / (UNITS * len(slots))
    needed_s = max((_least_s(slot, own) for slot, own in of.items()), default=0.0)
    if block_s < needed_s:
        asked_s = needed_s * UNITS * len(slots) / WINDOW_SHARE
        raise UsageError(
            f"{sustain_s:.0f} s are too short for a sustained run of {len(slots)} models",
            f"give --sustain {math.ceil(asked_s / 10) * 10}s or more, or measure fewer models or "
            "precisions",
        )
    groups = tuple(
        Group(slot, slot, (slot, slot + AGAIN), _turn(slot, of.get(slot), block_s))
        for slot in slots
    )
    order = _order(slots, round(sustain_s / block_s), random.Random(draft.seed))
    bare = {slot: replace(draft.artifacts[slot], evaluation=None) for slot in slots}
    return replace(
        draft,
        artifacts=bare | {slot + AGAIN: one for slot, one in bare.items()},
        groups=groups,
        processes=1,
        first_look=1,
        blocks=tuple(
            PlannedBlock(index, 0, slot, (slot, slot + AGAIN)) for index, slot in enumerate(order)
        ),
        warmup=replace(draft.warmup, max_s=round(min(pace.warmup_s, block_s / 4), 4)),
        cooldown=None,
    )


def _beside_s(pace: GroupPace) -> float:
    """The seconds of a block that are no turns: loading and warming up, or starting the tool."""
    each_s = pace.load_s / max(len(pace.inference_s), 1)
    return 2 * max(pace.start_s, each_s)


def _least_s(slot: str, pace: GroupPace) -> float:
    """The shortest block, of which at least half is inferences."""
    inferring_s = FEWEST_INFERENCES * pace.inference_s[slot]
    return _beside_s(pace) + max(_beside_s(pace), inferring_s)


def _turn(slot: str, pace: GroupPace | None, block_s: float) -> TurnLength:
    if pace is None:
        return TurnLength(1, 0, 1)
    inference_s = pace.inference_s[slot]
    inferences = max(int((block_s - _beside_s(pace)) / 2 / inference_s), 1)
    batch = max(math.ceil(inferences / SAMPLES), math.ceil(SHORTEST_SAMPLE_S / inference_s))
    return TurnLength(max(inferences // batch, 1), 0, batch)


def _order(slots: Sequence[str], blocks: int, chance: random.Random) -> Iterator[str]:
    """Windows at both ends in which the slots take turns, and stretches of each in between."""
    window = UNITS * len(slots)
    between = max(blocks - 2 * window, 0)
    length = max(between // (STRETCHES * len(slots)), 1)
    rounds = between // (length * len(slots))
    for _ in range(UNITS):
        yield from chance.sample(slots, len(slots))
    for _ in range(rounds):
        for slot in chance.sample(slots, len(slots)):
            yield from [slot] * length
    for _ in range(UNITS):
        yield from chance.sample(slots, len(slots))
