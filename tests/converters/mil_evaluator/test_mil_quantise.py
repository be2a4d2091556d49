"""Ranges over samples, and activations of 8 bits made with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conftest import Save
from mil_conversion import converted
from mil_networks import CLASSES, NETWORKS
from torch import Tensor, nn
from torch.nn import functional

from edgebench.converters.coreml.evaluator.program import Program, load
from edgebench.converters.coreml.evaluator.quantise import quantise_activations
from edgebench.converters.coreml.evaluator.ranges import Range, collect, shared_by_concats
from edgebench.converters.coreml.evaluator.tools import ct
from edgebench.converters.coreml.evaluator.values import file_values, plain, steps
from edgebench.converters.quiet import quiet
from edgebench.errors import DataError, UnsupportedModelError
from edgebench.snr import snr_db

X = NETWORKS["cnn"].examples[0].numpy()
# The first sample has the widest range: what keeps only the last one's loses it.
SAMPLES = [{"x0": scale * X} for scale in (3.0, -1.0, 0.5)]


def test_ranges_hold_all_samples(half: Program) -> None:
    ranges = collect(half, SAMPLES)
    for sample in SAMPLES:
        for name, alone in collect(half, [sample]).items():
            assert ranges[name].low <= alone.low <= alone.high <= ranges[name].high
    assert ranges["x0"] == Range(*_extremes())
    assert ranges["x0"] != collect(half, SAMPLES[-1:])["x0"]


def _extremes() -> tuple[float, float]:
    stacked = np.stack([sample["x0"] for sample in SAMPLES])
    return float(stacked.min()), float(stacked.max())


def test_there_are_no_ranges_without_samples(half: Program) -> None:
    with pytest.raises(DataError, match="no samples"):
        collect(half, [])


def test_all_that_a_concat_joins_shares_one_range(half: Program) -> None:
    ranges = collect(half, SAMPLES)
    shared = shared_by_concats(ranges, half)
    (concat,) = (one for one in half.operations if one.op_type == "concat")
    names = [*concat.inputs["values"], concat.outputs[0].name]
    assert len({shared[name] for name in names}) == 1
    assert shared[names[0]].high == max(ranges[name].high for name in names)
    assert shared["x0"] == ranges["x0"]


@pytest.fixture(scope="module")
def quantised(half_model: Any, save: Save) -> Program:
    small = quantise_activations(half_model, SAMPLES)
    config = ct.optimize.coreml.OptimizationConfig(
        global_config=ct.optimize.coreml.OpLinearQuantizerConfig(
            mode="linear_symmetric", weight_threshold=0
        )
    )
    with quiet():
        return load(save(ct.optimize.coreml.linear_quantize_weights(small, config)))


def test_w8a8_computes_what_a_simulation_in_torch_does(
    quantised: Program, half: Program, cnn: Any
) -> None:
    """Every step from the ranges, every weight rounded by channel."""
    ranges = shared_by_concats(collect(half, SAMPLES), half)
    steps = _scales(ranges, half)
    differences, errors = [], []
    with torch.no_grad():
        for sample in SAMPLES:
            x = torch.from_numpy(sample["x0"])
            wanted = _simulated(cnn, x, steps)
            (found,) = quantised.run(sample).values()
            differences.append(torch.from_numpy(found.astype(np.float32)) - wanted)
            errors.append(wanted - cnn(x))
    # All steps and roundings are the same; sums of products are added up in another order.
    difference, error = (
        float(torch.cat(one).square().mean().sqrt()) for one in (differences, errors)
    )
    assert difference < 0.05 * error
    kinds = [operation.op_type for operation in quantised.operations]
    assert kinds.count("quantize") >= 7


def _scales(ranges: dict[str, Range], program: Program) -> dict[str, float]:
    """The symmetric step of 127 of what each op computes, by the op's type and count."""
    count: dict[str, int] = {}
    found = {"x0": _step(ranges["x0"])}
    for operation in program.operations:
        number = count[operation.op_type] = count.get(operation.op_type, 0) + 1
        if operation.outputs[0].name in ranges:
            found[f"{operation.op_type}{number}"] = _step(ranges[operation.outputs[0].name])
    return found


def _step(found: Range) -> float:
    """coremltools keeps both the range and the step in float16."""
    return float(np.float16(np.float16(max(abs(found.low), abs(found.high))) / 127))


def _half(x: Tensor) -> Tensor:
    return x.half().float()


def _fake(x: Tensor, step: float) -> Tensor:
    return _half((_half(x) / step).round().clamp(-128, 127) * step)


def _weight(layer: nn.Conv2d | nn.Linear) -> Tensor:
    weight = _half(layer.weight)
    step = _half(weight.flatten(1).abs().amax(1).reshape(-1, *[1] * (weight.ndim - 1)) / 127)
    return _half(_half(weight / step).round() * step)


def _simulated(cnn: Any, x: Tensor, steps: dict[str, float]) -> Tensor:
    x = _fake(x, steps["x0"])
    stem = functional.conv2d(x, _weight(cnn.stem), _half(cnn.stem.bias), 2, 1)
    stem = _fake(functional.relu6(_half(stem)), steps["relu61"])
    middle = functional.conv2d(stem, _weight(cnn.middle), _half(cnn.middle.bias), 1, 1)
    middle = _fake(functional.relu(_half(middle)), steps["relu1"])
    # coremltools adds in steps of the second operand.
    unit = steps["relu1"]
    ratio = float(np.float16(steps["relu61"] / unit))
    both = _half(_half(stem / steps["relu61"] * ratio) + middle / unit)
    whole = (both / float(np.float16(steps["add1"] / unit))).round().clamp(-128, 127)
    both = _half(whole * steps["concat1"])
    joined = torch.cat([stem, both], 1)
    joined = functional.conv2d(joined, _weight(cnn.join), _half(cnn.join.bias))
    pooled = functional.max_pool2d(_fake(joined, steps["conv3"]), 2)
    mean = _fake(_fake(pooled, steps["max_pool1"]).mean((2, 3)), steps["reduce_mean1"])
    return functional.linear(mean, _weight(cnn.head), _half(cnn.head.bias))


def test_ops_that_are_kept_stay_in_float(half_model: Any, half: Program, save: Save) -> None:
    kept = next(one for one in half.operations if one.op_type == "conv")
    keep = {kept.outputs[0].name}.__contains__
    program = load(save(quantise_activations(half_model, SAMPLES, keep=keep)))
    made = {out.name: one.op_type for one in program.operations for out in one.outputs}
    convs = [one for one in program.operations if one.op_type == "conv"]
    assert [made[one.inputs["x"][0]] for one in convs] == ["cast", "dequantize", "dequantize"]


def test_a_float32_program_is_refused(save: Save, cnn: Any) -> None:
    model = converted(cnn, NETWORKS["cnn"].examples, ios=17)
    with pytest.raises(UnsupportedModelError, match="computes in float32"):
        quantise_activations(model, SAMPLES)


def test_an_overflow_is_named_and_not_made_a_scale(half_model: Any) -> None:
    with pytest.raises(UnsupportedModelError, match="overflows float16"):
        quantise_activations(half_model, [{"x0": 6e4 * np.sign(X)}])


def test_a_sum_in_steps_is_no_drift(quantised: Program, half: Program) -> None:
    (total,) = (one.outputs[0].name for one in quantised.operations if one.op_type == "add")
    assert [*steps(quantised)[1]] == [total]
    wanted, found = (file_values(program, SAMPLES[0]) for program in (half, quantised))
    assert plain(total) in wanted.keys() & found.keys()  # in its own unit, once dequantised
    for name in wanted.keys() & found.keys():
        ratio = snr_db(wanted[name].array, found[name].array)
        assert ratio is None or ratio > 15


def test_sums_of_sums_are_known_in_the_networks_unit(save: Save) -> None:
    """The first is in the step of one operand, and the second brings it to the step of another."""

    class Sums(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Conv2d(3, 3, 3, 1, 1) for _ in range(4))

        def forward(self, x: Tensor) -> Tensor:
            one, two, three = (layer(x) for layer in self.layers[:3])
            return self.layers[3]((one + two) + 20 * three)

    torch.manual_seed(0)
    model = converted(Sums().eval(), NETWORKS["cnn"].examples, ios=17, precision="FLOAT16")
    half = load(save(model))
    quantised = load(save(quantise_activations(model, SAMPLES)))
    assert len(steps(quantised)[1]) >= 2
    wanted, found = (file_values(program, SAMPLES[0]) for program in (half, quantised))
    sums = [plain(one.outputs[0].name) for one in half.operations if one.op_type == "add"]
    assert len(sums) == 2
    for name in sums:
        assert (snr_db(wanted[name].array, found[name].array) or 99) > 25, name


def test_the_classes_survive_quantisation(quantised: Program, cnn: Any) -> None:
    for sample in SAMPLES:
        (found,) = quantised.run(sample).values()
        with torch.no_grad():
            wanted = cnn(torch.from_numpy(sample["x0"]))
        assert found.shape == (1, len(CLASSES))
        assert int(found.argmax()) == int(wanted.argmax())
