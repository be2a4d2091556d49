"""Training to be quantised: what is rounded and how, and that files compute the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgebench import documents
from edgebench.cli import main
from edgebench.converters.artifact import Manifest
from edgebench.converters.onnx import torch_export
from edgebench.errors import UsageError
from edgebench.models import fake_quantise, registry
from edgebench.models.build import build
from edgebench.models.fake_quantise import FakeQuantise
from edgebench.models.manifest import Checkpoint
from edgebench.models.train import train
from edgebench.models.train_config import TrainConfig


class Small(nn.Module):
    """conv, norm, relu6, a gate, a concatenation of means, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.gate = nn.Conv2d(8, 8, 1)
        self.out = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu6(self.norm(self.conv(x)))
        x = x * torch.sigmoid(self.gate(x))
        both = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        made: torch.Tensor = self.out(both)
        return made


@pytest.fixture
def small() -> Small:
    torch.manual_seed(0)
    module = Small()
    module.norm.running_mean.normal_()
    module.norm.running_var.uniform_(0.5, 2)
    return module.eval()


def settled(module: nn.Module) -> torch.fx.GraphModule:
    """Prepared, with ranges from a few batches."""
    made = fake_quantise.prepared(module, 8)
    made.train()
    for seed in range(3):
        made(torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(seed)))
    return made.eval()


@given(
    low=st.floats(-100, 0),
    high=st.floats(0.01, 100),
    values=st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=20),
)
@settings(max_examples=50, deadline=None)
def test_what_is_rounded_is_the_nearest_of_256_steps_with_zero_among_them(
    low: float, high: float, values: list[float]
) -> None:
    fake = FakeQuantise((low, high))
    step, zero = fake.numbers()
    x = torch.tensor(values)
    rounded = fake(x).double().numpy()
    grid = (np.arange(256) - zero) * step
    assert 0.0 in grid
    nearest = np.abs(grid[None] - np.array(values)[:, None]).min(1)
    assert np.abs(rounded - np.array(values)) == pytest.approx(nearest, abs=1e-4 * step + 1e-5)


def test_the_gradient_is_one_within_the_range_and_none_outside() -> None:
    x = torch.tensor([-3.0, -0.5, 0.2, 3.0], requires_grad=True)
    FakeQuantise((-1.0, 1.0))(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 1, 1, 0]


def test_ranges_follow_the_extremes_in_training_alone() -> None:
    fake = FakeQuantise()
    fake(torch.tensor([-1.0, 2.0]))
    assert (float(fake.low), float(fake.high)) == (-1.0, 2.0)
    fake(torch.tensor([-2.0, 2.0]))
    assert -1.1 < float(fake.low) < -1.0
    fake.eval()
    fake(torch.tensor([-90.0, 90.0]))
    assert float(fake.high) == 2.0
    fixed = FakeQuantise((0.0, 255 / 256))
    fixed(torch.tensor([7.0]))
    assert fixed.numbers() == (1 / 256, 0)


def test_places_are_those_of_an_int8_file(small: Small) -> None:
    made = fake_quantise.prepared(small, 8)
    parts = {n for n, part in made.named_modules() if isinstance(part, FakeQuantise)}
    names = {name.partition(".")[2] for name in parts}
    # Not between a convolution and its ReLU, nor before a concatenation, which has one range.
    assert names == {"x", "relu6", "convolved_1", "sigmoid", "mul", "cat", "multiplied"}
    assert fake_quantise.is_quantised(made.state_dict())
    assert not fake_quantise.is_quantised(small.state_dict())
    assert {*small.state_dict()} <= {*made.state_dict()} | {"norm.num_batches_tracked"}


def test_without_rounding_it_is_the_network_but_for_its_weights(small: Small) -> None:
    made = settled(small)
    x = torch.randn(4, 3, 8, 8)
    fake_quantise.set_rounding(made, False)
    weights, bias = fake_quantise.weighed(
        small.conv.weight,
        None,
        (small.norm.weight, small.norm.bias, small.norm.running_mean, small.norm.running_var, 1e-5),
    )
    steps = weights / (weights.abs().flatten(1).amax(1) / 127).reshape(-1, 1, 1, 1)
    assert torch.allclose(steps, steps.round(), atol=1e-3)
    assert bias is not None
    wanted = small.norm(small.conv(x))
    assert torch.allclose(
        nn.functional.conv2d(x, weights, bias, padding=1), wanted, atol=0.05, rtol=0.05
    )
    assert torch.allclose(made(x), small(x), atol=0.05)


def test_the_exported_graph_computes_what_training_computes(small: Small) -> None:
    made = settled(small)
    x = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        wanted = made(x)
        assert torch.equal(fake_quantise.for_export(made)(x), wanted)
    shapes, names = [(1, 3, 8, 8)], ["x"]
    exported = torch_export._exported(
        fake_quantise.for_export(made), "small", shapes, names, ["logits"], ""
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(exported.SerializeToString(), options)
    assert session.run(None, {"x": x.numpy()})[0] == pytest.approx(wanted.numpy(), abs=1e-5)
    graph = torch_export._graph(exported, "small", "zoo")
    operators = {node.op_type for node in graph.model.graph.node}
    assert not operators & {"QuantizeLinear", "DequantizeLinear"}
    assert (0.0, 255 / 256) in [pytest.approx(span) for span in graph.ranges.values()]


def test_it_trains_resumes_and_needs_weights_to_start_from(tmp_path: Path) -> None:
    few = dict(epochs=2, batch_size=8, scenes_per_epoch=16, device="cpu", qat=True)
    whole = train(TrainConfig("scenes_v2_se", tmp_path / "a", **few))  # type: ignore[arg-type]
    half = TrainConfig("scenes_v2_se", tmp_path / "d", **few)  # type: ignore[arg-type]

    def stop(step: str, done: int, total: int) -> None:
        if step.startswith("train") and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(half, stop)
    resumed = train(replace(half, resume=True))
    assert resumed.weights.read_bytes() == whole.weights.read_bytes(), "ranges are in the state"
    record = documents.load(whole.manifest, Checkpoint)
    assert whole.weights.name == "scenes_v2_se_qat.safetensors"
    assert record.command.endswith("--qat") and record.accuracy is not None
    assert record.accuracy.top1 > 0.8, "it goes on from what is trained"
    with pytest.raises(UsageError, match="no trained weights of mobilenet_v2_se"):
        train(TrainConfig("mobilenet_v2_se", tmp_path / "b", **few))  # type: ignore[arg-type]
    spec = registry.get("scenes_v2_se")
    model = build(spec, whole.weights)
    assert model.rounded is not None and model.outputs == ("logits",)
    again = TrainConfig("scenes_v2_se", tmp_path / "c", **few | {"epochs": 1})  # type: ignore[arg-type]
    more = train(replace(again, init=whole.weights))
    assert more.accuracy is not None and more.accuracy.top1 > 0.8, "it can also go on from there"
    with pytest.raises(UsageError, match="no part can be taken out"):
        build(registry.get("scenes_v2_se~stage4"), whole.weights)


@pytest.mark.slow
def test_the_command_line_trains_and_exports_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "scenes_v2", "--qat", "--epochs", "1", "--scenes-per-epoch", "64"]
    assert main([*words, "--batch-size", "16", "--out", str(tmp_path)]) == 0
    weights = capsys.readouterr().out.strip()
    words = ["export", "scenes_v2", "--weights", weights, "--to", "tflite:int8,onnx:int8"]
    assert main([*words, "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    for name in ("scenes_v2.int8.tflite", "scenes_v2.int8.onnx"):
        manifest = documents.load(tmp_path / "out" / f"{name}.json", Manifest)
        assert manifest.calibration is not None and manifest.calibration.ranges == "own"
        agreement = manifest.hops[-1].agreement
        assert agreement is not None and agreement.value > 0.98
