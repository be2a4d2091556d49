"""Made-up machines for the checks: quiet ones, but for what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from replay import QUIET

from edgebench.benchmarks.gate.machine_state import MachineState
from edgebench.deploy.documents.result import MeasuredBlock, Turn

BLOCKS = 20
Fields = Callable[[int], dict[str, Any]]


def nothing(index: int) -> dict[str, Any]:
    return {}


def machine(
    slow: Sequence[float] = (1.0,) * BLOCKS,
    told: Fields = nothing,
    before: Fields = nothing,
    after: Fields = nothing,
    only: str = "",
    cores: tuple[int, ...] | None = None,
) -> MachineState:
    """A quiet machine of 4 cores but for what is said: how slow its blocks were, and readings.

    With `only` that slot alone was slow.
    """
    blocks = []
    for index, factor in enumerate(slow):
        start = replace(QUIET, unix_s=index * 2.0, own_s=index * 2.0, busy_s=index * 2.0)
        end = replace(start, unix_s=start.unix_s + 2, own_s=start.own_s + 2, busy_s=start.own_s + 2)
        turns = tuple(
            Turn(slot, (), _times(factor if only in ("", slot) else 1.0, index, turn))
            for turn, slot in enumerate("abba")
        )
        start = replace(start, **{**told(index), **before(index)})
        end = replace(end, **{**told(index), **after(index)})
        blocks.append(MeasuredBlock(index, index // 2, "g", None, start, end, (), turns))
    return MachineState(tuple(blocks), 4, cores)


def _times(factor: float, index: int, turn: int) -> tuple[int, ...]:
    noise = np.random.default_rng((index, turn)).normal(0, 0.01, 9)
    return tuple(int(one) for one in 1e6 * factor * np.exp(noise))


def late(value: object, usual: object) -> Callable[[int], object]:
    """`value` in the last quarter of the run."""
    return lambda index: value if index >= BLOCKS * 3 // 4 else usual
