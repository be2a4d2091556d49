"""Loading, running and tracing programs, and what is said of those that cannot be."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Save
from hypothesis import given
from hypothesis import strategies as st
from mil_calls import evaluate
from mil_conversion import converted
from mil_networks import NETWORKS
from torch import nn

from edgebench.converters.coreml.evaluator.program import Program, load
from edgebench.converters.coreml.evaluator.tools import ct
from edgebench.converters.coreml.evaluator.values import file_values
from edgebench.converters.quiet import quiet
from edgebench.errors import DataError, InvalidFileError, UnsupportedModelError
from edgebench.snr import snr_db

mb = ct.converters.mil.Builder

X = NETWORKS["cnn"].examples[0].numpy()


def built(function: Callable[..., Any], *shapes: tuple[int, ...], ios: int = 17) -> Any:
    """An `MLModel` of float32 from a function over MIL's builder."""
    target = getattr(ct.target, f"iOS{ios}")
    specs = [mb.TensorSpec(shape=shape) for shape in shapes]
    with quiet():
        program = mb.program(input_specs=specs, opset_version=target)(function)
        return ct.convert(
            program,
            convert_to="mlprogram",
            compute_precision=ct.precision.FLOAT32,
            minimum_deployment_target=target,
        )


def test_all_lacking_ops_are_named_before_anything_runs(save: Save) -> None:
    def two_unknown(x: Any) -> Any:
        noise = mb.random_normal(shape=[2, 3], name="noise")
        choice = mb.random_uniform(shape=[2, 3], name="choice")
        return mb.add(x=mb.add(x=x, y=noise), y=choice)

    path = save(built(two_unknown, (2, 3)))
    with pytest.raises(UnsupportedModelError) as caught:
        load(path)
    assert "lacks 2 of the program's ops" in caught.value.message
    assert "random_normal (first at 'noise')" in caught.value.message
    assert "random_uniform (first at 'choice')" in caught.value.message


def test_a_trace_visits_each_value_once_and_gives_the_outputs_of_a_run(full: Program) -> None:
    seen: list[str] = []
    outputs = full.trace({"x0": X}, lambda name, op_type, array: seen.append(name))
    assert len(seen) == len(set(seen)) == 1 + len(full.operations)
    for name, array in full.run({"x0": X}).items():
        np.testing.assert_array_equal(array, outputs[name])


def test_the_same_program_runs_again_and_again(full: Program) -> None:
    (first,) = full.run({"x0": X}).values()
    (other,) = full.run({"x0": -X}).values()
    (again,) = full.run({"x0": X}).values()
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_what_no_input_reaches_is_computed_once(save: Save) -> None:
    def constant_branch(x: Any) -> Any:
        table = mb.range_1d(start=0.0, end=3.0, step=1.0)
        return mb.add(x=x, y=mb.reshape(x=mb.exp(x=table), shape=[1, 3]))

    program = load(save(built(constant_branch, (2, 3))))
    assert [operation.op_type for operation in program.operations] == ["add"]
    (found,) = program.run({"x": np.zeros((2, 3), np.float32)}).values()
    np.testing.assert_allclose(found, np.exp([[0, 1, 2]] * 2), rtol=1e-6)


def test_loops_and_branches_follow_the_data(save: Save) -> None:
    def doubling(x: Any) -> Any:
        def below(a: Any, n: Any) -> Any:
            return mb.less(x=mb.reduce_max(x=a, axes=[0, 1], keep_dims=False), y=100.0)

        def body(a: Any, n: Any) -> Any:
            return mb.mul(x=a, y=2.0), mb.add(x=n, y=1.0)

        grown, count = mb.while_loop(_cond=below, _body=body, loop_vars=(x, np.float32(0)))
        even = mb.equal(x=mb.mod(x=count, y=2.0), y=0.0)
        return mb.cond(
            pred=even,
            _true_fn=lambda: mb.add(x=grown, y=0.5),
            _false_fn=lambda: mb.sub(x=grown, y=0.5),
        )

    program = load(save(built(doubling, (1, 2))))
    for start, wanted in ((25.0, 100.5), (60.0, 119.5), (200.0, 200.5)):
        (found,) = program.run({"x": np.array([[start, 1.0]], np.float32)}).values()
        assert found[0, 0] == wanted


class Sum(nn.Module):
    """Adds up what it is given, from call to call."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(1, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total.add_(x)
        return self.total * 2


def test_a_state_lasts_from_run_to_run_and_no_longer(save: Save) -> None:
    total = ct.TensorType(shape=(1, 4), dtype=np.float16)
    model = converted(
        Sum(), [torch.ones(1, 4)], 18, "FLOAT16", states=[ct.StateType(total, name="total")]
    )
    program = load(save(model))
    feeds = {"x0": np.ones((1, 4), np.float32)}
    state = program.make_state()
    for runs in (1, 2, 3):
        (found,) = program.run(feeds, state).values()
        assert found.tolist() == [[2 * runs] * 4]
    (fresh,) = program.run(feeds).values()
    assert fresh.tolist() == [[2] * 4]


def test_wrong_inputs_are_refused_with_what_is_right(full: Program) -> None:
    with pytest.raises(DataError, match="takes the inputs x0, but was given y"):
        full.run({"y": X})
    with pytest.raises(DataError, match="takes 1 x 3 x 16 x 16"):
        full.run({"x0": X[0]})


def test_what_is_no_package_is_refused(tmp_path: Path, half_model: Any, save: Save) -> None:
    with pytest.raises(InvalidFileError, match=r"is not an \.mlpackage"):
        load(tmp_path / "missing.mlpackage")
    whole = save(half_model)
    without_weights = tmp_path / "weightless.mlpackage"
    shutil.copytree(whole, without_weights)
    shutil.rmtree(without_weights / "Data" / "com.apple.CoreML" / "weights")
    with pytest.raises(InvalidFileError, match="is damaged"):
        load(without_weights)
    garbage = tmp_path / "garbage.mlpackage"
    shutil.copytree(whole, garbage)
    (garbage / "Data" / "com.apple.CoreML" / "model.mlmodel").write_bytes(b"\xff" * 99)
    with pytest.raises(InvalidFileError, match="is damaged"):
        load(garbage)


ROUNDED = ("add", "sub", "mul", "real_div", "maximum")


@given(st.sampled_from(ROUNDED), st.floats(-300, 300, width=16), st.floats(0.0625, 300, width=16))
def test_each_result_is_rounded_as_torch_rounds_halves(op_type: str, x: float, y: float) -> None:
    """float32 holds sums, products and quotients of halves well enough to round them once."""
    a, b = torch.tensor([x]), torch.tensor([y])
    function = {
        "add": torch.add,
        "sub": torch.sub,
        "mul": torch.mul,
        "real_div": torch.div,
        "maximum": torch.maximum,
    }[op_type]
    found = evaluate(op_type, dtype="float16", x=a, y=b)
    assert found.item() == function(a.half(), b.half()).item()


def test_what_float16_cannot_hold_is_infinite() -> None:
    x = torch.tensor([300.0, 65519.0])
    squared = evaluate("square", dtype="float16", x=x)
    assert torch.isinf(squared).all()
    assert evaluate("identity", dtype="float16", x=x.half().float()).tolist() == [300, 65504]


def test_values_have_the_same_names_in_every_precision(full: Program, half: Program) -> None:
    wanted, found = (file_values(program, {"x0": X}) for program in (full, half))
    assert len(found) > 5 and found.keys() <= wanted.keys()
    for name, value in found.items():
        ratio = snr_db(wanted[name].array, value.array)
        assert ratio is not None and 50 < ratio < 90


@pytest.mark.skipif(sys.platform != "darwin", reason="Core ML itself is on a Mac only")
@pytest.mark.parametrize("unit", ["CPU_ONLY", "CPU_AND_GPU", "CPU_AND_NE"])
def test_core_ml_agrees_with_the_evaluator(unit: str, half_model: Any, save: Save) -> None:
    path = save(half_model)
    model = ct.models.MLModel(str(path), compute_units=getattr(ct.ComputeUnit, unit))
    (wanted,) = model.predict({"x0": X}).values()
    (found,) = load(path).run({"x0": X}).values()
    np.testing.assert_allclose(found, wanted, atol=0.01 * float(np.abs(wanted).max()))
