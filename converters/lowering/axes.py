"""Transposes by fewer axes: without those of extent 1, and those that stay together as one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

Shape = tuple[int, ...]


def merged(shape: Sequence[int], perm: Sequence[int]) -> tuple[Shape, Shape]:
    """The shape and the permutation of the same transpose with as few axes as it takes."""
    real = [axis for axis in perm if shape[axis] != 1]
    follows = dict(itertools.pairwise(sorted(real)))
    groups: list[list[int]] = []
    for axis in real:
        if groups and follows.get(groups[-1][-1]) == axis:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    lying = sorted(groups)
    extents = tuple(math.prod(shape[axis] for axis in group) for group in lying)
    return extents, tuple(lying.index(group) for group in groups)


def steps(shape: Sequence[int], perm: Sequence[int], largest: int) -> Iterator[tuple[Shape, Shape]]:
    """The transposes, of at most `largest` axes (four or more), that together are this one.

    Each is a shape to view the elements under, and a permutation. There is none where no element
    moves.
    """
    extents, order = merged(shape, perm)
    if order == tuple(range(len(order))):
        return
    if len(order) <= largest:
        yield extents, order
        return
    lying = list(range(len(order)))
    for place, axis in enumerate(order):
        at = lying.index(axis)
        if at == place:
            continue
        before, passed, after = lying[:place], lying[place:at], lying[at + 1 :]
        parts = (before, passed, [axis], after)
        yield tuple(math.prod(extents[i] for i in part) for part in parts), (0, 2, 1, 3)
        lying = [*before, axis, *passed, *after]
