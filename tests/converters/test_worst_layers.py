"""Which layers a search for a mixed precision frees next."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from planted_defects import Network

from edgebench.converters.drift import layers
from edgebench.converters.drift.document import Cause, CauseId, LayerDrift
from edgebench.converters.drift.layers import Ranked
from edgebench.converters.mending import worst_layers
from edgebench.progress import silent


def drift(value: str, share: float, cause: CauseId | None = None) -> LayerDrift:
    why = Cause(cause, {}) if cause else None
    return LayerDrift(
        0, f"{value}_out", value, "Relu", (value,), None, False, 30.0, 30.0, 1.0, 30.0, share, why
    )


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`half` for a chain of layers a to d, each of which a Concat takes to the next."""
    net = Network()
    value = "input"
    for name in "abcd":
        value = net.node("Relu", value, name=name)
        value = net.node("Concat", value, value, name=f"{name}_twice", axis=1)
    batch: Any = SimpleNamespace(
        form=SimpleNamespace(graph=SimpleNamespace(model=net.model(value)))
    )

    def chosen(found: list[LayerDrift], nodes: tuple[str, ...] = (), at_least: int = 0) -> Any:
        monkeypatch.setattr(layers, "of_file", lambda *given: Ranked(tuple(found)))
        monkeypatch.setattr(worst_layers, "node_times", lambda *given: {})
        target: Any = None
        made = worst_layers.half(batch, target, nodes, at_least, [{}], None, silent)
        return {one.node: set(one.nodes) for one in made}

    return chosen


def test_those_that_make_half_of_the_error_are_freed(half: Any) -> None:
    found = [drift("a", 0.3), drift("b", 0.3), drift("c", 0.2), drift("d", 0.2)]
    assert half(found) == {"a": {"a"}, "b": {"b"}}
    # What a free layer made may still be rounded for those that read it.
    assert half(found, ("a",)) == {"a": {"a", "a_twice", "b"}, "b": {"b"}}


def test_each_round_frees_as_many_as_there_are(half: Any) -> None:
    found = [drift("a", 0.97), drift("b", 0.01), drift("c", 0.01), drift("d", 0.01)]
    assert half(found).keys() == {"a"}
    assert half(found, (), 3).keys() == {"a", "b", "c"}


def test_numbers_that_are_too_coarse_are_too_coarse_for_all_that_read_them(half: Any) -> None:
    free = half([drift("a", 1.0, "outliers")])
    assert free == {"a": {"a", "a_twice", "b"}}
    assert half([drift("a", 1.0, "weights")]) == {"a": {"a"}}
