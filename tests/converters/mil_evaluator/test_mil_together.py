"""Samples computed at once are those computed one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Save
from mil_conversion import converted
from mil_networks import NETWORKS
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from edgebench.converters.coreml.evaluator.program import Program, load
from edgebench.converters.coreml.evaluator.tools import ct
from edgebench.converters.quiet import quiet

mb = ct.converters.mil.Builder
Feeds = dict[str, np.ndarray[Any, Any]]


def _samples(program: Program, count: int) -> list[Feeds]:
    """Different ones; integers are valid as indices."""
    rng = np.random.default_rng(0)
    return [
        {
            port.name: rng.standard_normal([size or 1 for size in port.shape]).astype(np.float32)
            if port.dtype.startswith("float")
            else rng.integers(0, 4, [size or 1 for size in port.shape]).astype(port.dtype)
            for port in program.inputs
        }
        for _ in range(count)
    ]


def _built(function: Callable[..., Any], shape: tuple[int, ...], save: Save) -> Program:
    specs = [mb.TensorSpec(shape=shape)]
    with quiet():
        program = mb.program(input_specs=specs, opset_version=ct.target.iOS17)(function)
        model = ct.convert(
            program,
            convert_to="mlprogram",
            compute_precision=ct.precision.FLOAT32,
            minimum_deployment_target=ct.target.iOS17,
        )
    return load(save(model))


@pytest.mark.parametrize("name", ["cnn", "transformer", "unet", "indexing", "recurrent"])
def test_a_float32_program_gives_each_sample_its_own_numbers(name: str, save: Save) -> None:
    network = NETWORKS[name]
    program = load(save(converted(network.module, network.examples, 17)))
    assert program.at_once > 1
    samples = _samples(program, program.at_once + 3)  # a whole chunk, and the rest of another
    together = list(program.run_all(samples))
    assert len(together) == len(samples)
    for feeds, found in zip(samples, together, strict=True):
        for key, wanted in program.run(feeds).items():
            assert found[key].dtype == wanted.dtype
            largest = float(np.abs(wanted).max())
            assert_allclose(found[key], wanted, rtol=0, atol=1e-6 * max(1.0, largest))


def test_arithmetic_by_element_is_the_same_to_the_last_bit(save: Save) -> None:
    def gate(x: Any) -> Any:
        return mb.mul(x=x, y=mb.real_div(x=mb.clip(x=x, alpha=-2.0, beta=2.0), y=3.0))

    program = _built(gate, (3, 50), save)
    samples = _samples(program, 5)
    for feeds, found in zip(samples, program.run_all(samples), strict=True):
        for key, wanted in program.run(feeds).items():
            assert_array_equal(found[key], wanted)


def test_what_the_data_decides_is_computed_for_each_sample(save: Save) -> None:
    def branch(x: Any) -> Any:
        above = mb.greater(x=mb.reduce_sum(x=x, keep_dims=False), y=0.0)
        chosen = mb.cond(
            pred=above, _true_fn=lambda: mb.add(x=x, y=1.0), _false_fn=lambda: mb.mul(x=x, y=2.0)
        )
        return mb.sub(x=chosen, y=0.5)

    program = _built(branch, (1, 4), save)
    samples: list[Feeds] = [{"x": np.full((1, 4), v, np.float32)} for v in (1, -1, 3, -2)]
    found = [float(one.max()) for outputs in program.run_all(samples) for one in outputs.values()]
    assert found == [1.5, -2.5, 3.5, -4.5]


def test_a_classifier_labels_each_sample(save: Save) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Softmax(1))
    config = ct.ClassifierConfig(["a", "b", "c"])
    model = converted(network, [torch.zeros(1, 3)], classifier_config=config)
    program = load(save(model))
    samples: list[Feeds] = [{"x0": row[None]} for row in np.eye(3, dtype=np.float32)]
    assert [str(found["classLabel"]) for found in program.run_all(samples)] == ["a", "b", "c"]


def test_half_precision_is_visited_as_declared_and_large_values_are_computed_singly(
    half: Program, save: Save
) -> None:
    samples = _samples(half, 3)
    seen: list[tuple[str, Any]] = []
    outputs = half.trace_all(samples, lambda name, op, array: seen.append((name, array)))
    assert len(list(outputs)) == 3
    alone: list[tuple[str, Any]] = []
    half.trace(samples[1], lambda name, op, array: alone.append((name, array)))
    assert [name for name, _ in seen] == [name for name, _ in alone]
    for (_, values), (_, value) in zip(seen, alone, strict=True):
        assert values.dtype == value.dtype
        assert_allclose(values[1].astype(float), value.astype(float), rtol=5e-3, atol=5e-3)

    def double(x: Any) -> Any:
        return mb.mul(x=x, y=2.0)

    large = _built(double, (1, 8, 512, 512), save)
    assert large.at_once == 1
    feeds: Feeds = {"x": np.ones((1, 8, 512, 512), np.float32)}
    assert [len(found) for found in large.run_all([feeds, feeds])] == [1, 1]
