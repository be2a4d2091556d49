"""The order in which models take turns: random, and balanced for carry-over.

An inference is affected by the one before it, for that decides what is in the caches. So in a fair
order every model follows each model, itself included, equally often: then what a model inherits
cancels from the ratios, whatever it is. Such an order is an Eulerian circuit of the complete
directed graph with loops, whose nodes are the models and whose edges say who follows whom. (The
designs of Williams, 1949, are the special case without loops, in blocks.) It is drawn evenly from
all of them, because a load that is periodic would keep step with an order that is.
"""

from __future__ import annotations

import random


def there_and_back(models: int, chance: random.Random) -> tuple[int, ...]:
    """A B C C B A, shuffled: the mean place of each is the same, so that a steady drift cancels."""
    there = chance.sample(range(models), models)
    return (*there, *reversed(there))


def balanced_order(models: int, times: int, chance: random.Random) -> tuple[int, ...]:
    """`times` * `models` ** 2 turns, in which each model follows each one `times` times.

    The first turn follows the last: the order is a circle, cut at a random place. To count all
    followings in a straight line, one more turn of the last model has to come before the first.

    Every circuit is equally likely: the last exits from all nodes but the one where it starts form
    a tree towards it, drawn by a random walk (Aldous 1990, Broder 1989), and the other exits of a
    node come in any order (the theorem of van Aardenne-Ehrenfest and de Bruijn, 1951).
    """
    start = chance.randrange(models)
    last_exit = _random_tree(models, start, chance)
    exits: list[list[int]] = []
    for node in range(models):
        others = [model for model in range(models) for _ in range(times)]
        if node != start:
            others.remove(last_exit[node])
        chance.shuffle(others)
        exits.append(others if node == start else [last_exit[node], *others])
    order = []
    node = start
    while exits[node]:
        node = exits[node].pop()
        order.append(node)
    cut = chance.randrange(len(order))
    return (*order[cut:], *order[:cut])


def _random_tree(models: int, root: int, chance: random.Random) -> dict[int, int]:
    """By node, where it leads: a spanning tree towards the root, evenly drawn from all of them."""
    leads: dict[int, int] = {}
    node = root
    while len(leads) < models - 1:
        following = chance.randrange(models)
        if following != root and following not in leads:
            leads[following] = node
        node = following
    return leads
