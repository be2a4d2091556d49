"""Weights come in from files of three layouts, and misfits are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from edgebench.errors import InvalidFileError
from edgebench.models import registry
from edgebench.models.backbones.backbone import divisible
from edgebench.models.backbones.build import network
from edgebench.models.backbones.mobilenet_v2.network import STAGES
from edgebench.models.build import build
from edgebench.models.spec import ModelSpec

State = dict[str, Tensor]
SPEC = registry.get("scenes_v2_ca")
PLAIN = registry.get("scenes_v2")


def convolution(name: str, outputs: int, inputs: int, kernel: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel)}


def norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    keys = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{key}": (channels,) for key in keys} | {f"{name}.num_batches_tracked": ()}


def authors_layout(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Key to shape, as in the authors' mbv2_ca.py: one flat sequence a block, conv.6 attention."""
    channels = divisible(32 * spec.width)
    shapes = convolution("features.0.0", channels, 3, 3) | norm("features.0.1", channels)
    index = 1
    for expansion, stage_channels, repeats, _ in STAGES:
        outputs = divisible(stage_channels * spec.width)
        for _ in range(repeats):
            block, hidden = f"features.{index}.conv", channels * expansion
            if expansion == 1:
                shapes |= convolution(f"{block}.0", hidden, 1, 3) | norm(f"{block}.1", hidden)
                shapes |= convolution(f"{block}.3", outputs, hidden, 1)
                shapes |= norm(f"{block}.4", outputs)
            else:
                shapes |= convolution(f"{block}.0", hidden, channels, 1)
                shapes |= norm(f"{block}.1", hidden)
                shapes |= convolution(f"{block}.3", hidden, 1, 3) | norm(f"{block}.4", hidden)
                middle = max(8, hidden // 32)
                for name, to, of in (
                    ("conv1", middle, hidden),
                    ("conv2", hidden, middle),
                    ("conv3", hidden, middle),
                ):
                    shapes |= convolution(f"{block}.6.{name}", to, of, 1)
                    shapes |= {f"{block}.6.{name}.bias": (to,)}
                shapes |= norm(f"{block}.6.bn1", middle)
                shapes |= convolution(f"{block}.7", outputs, hidden, 1)
                shapes |= norm(f"{block}.8", outputs)
            channels, index = outputs, index + 1
    shapes |= convolution("conv.0", 1280, channels, 1) | norm("conv.1", 1280)
    classes = spec.num_classes
    return shapes | {"classifier.1.weight": (classes, 1280), "classifier.1.bias": (classes,)}


def torchvision_layout(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Key to shape, as in torchvision's mobilenetv2.py."""
    channels = divisible(32 * spec.width)
    shapes = convolution("features.0.0", channels, 3, 3) | norm("features.0.1", channels)
    index = 1
    for expansion, stage_channels, repeats, _ in STAGES:
        outputs = divisible(stage_channels * spec.width)
        for _ in range(repeats):
            block, hidden, k = f"features.{index}.conv", channels * expansion, 0
            if expansion > 1:
                shapes |= convolution(f"{block}.0.0", hidden, channels, 1)
                shapes |= norm(f"{block}.0.1", hidden)
                k = 1
            shapes |= convolution(f"{block}.{k}.0", hidden, 1, 3) | norm(f"{block}.{k}.1", hidden)
            shapes |= convolution(f"{block}.{k + 1}", outputs, hidden, 1)
            shapes |= norm(f"{block}.{k + 2}", outputs)
            channels, index = outputs, index + 1
    shapes |= convolution("features.18.0", 1280, channels, 1) | norm("features.18.1", 1280)
    classes = spec.num_classes
    return shapes | {"classifier.1.weight": (classes, 1280), "classifier.1.bias": (classes,)}


def filled(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> State:
    generator = torch.Generator().manual_seed(seed)
    state = {k: torch.rand(s, generator=generator) + 0.5 for k, s in shapes.items()}
    return {k: v.long() if k.endswith("tracked") else v for k, v in state.items()}


def test_the_authors_layout_loads_every_value_into_its_place(tmp_path: Path) -> None:
    state = filled(authors_layout(SPEC))
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "a.pth")
    loaded = build(SPEC, tmp_path / "a.pth")
    ours = loaded.module.state_dict()
    assert loaded.trained
    assert len(ours) == len(state)
    for theirs, mine in (
        ("features.0.0.weight", "features.0.0.weight"),
        ("features.1.conv.0.weight", "features.1.conv.0.0.weight"),
        ("features.1.conv.3.weight", "features.1.conv.1.weight"),
        ("features.1.conv.4.running_var", "features.1.conv.2.running_var"),
        ("features.5.conv.3.weight", "features.5.conv.1.0.weight"),
        ("features.5.conv.6.conv2.weight", "features.5.conv.attention.conv2.weight"),
        ("features.5.conv.6.conv3.bias", "features.5.conv.attention.conv3.bias"),
        ("features.5.conv.6.bn1.running_mean", "features.5.conv.attention.bn1.running_mean"),
        ("features.17.conv.8.bias", "features.17.conv.3.bias"),
        ("conv.0.weight", "features.18.0.weight"),
        ("conv.1.running_mean", "features.18.1.running_mean"),
        ("classifier.1.weight", "classifier.1.weight"),
    ):
        assert torch.equal(ours[mine], state[theirs]), theirs


def test_the_authors_layout_at_full_size_fits_the_paper_model(tmp_path: Path) -> None:
    spec = registry.get("mobilenet_v2_ca")
    shapes = authors_layout(spec)
    with torch.device("meta"):
        ours = {k: tuple(v.shape) for k, v in network(spec).state_dict().items()}
    assert sorted(shapes.values()) == sorted(ours.values())


@pytest.mark.parametrize("name", ["scenes_v2", "mobilenet_v2"])
def test_the_plain_network_has_torchvisions_keys(name: str) -> None:
    spec = registry.get(name)
    with torch.device("meta"):
        ours = {k: tuple(v.shape) for k, v in network(spec).state_dict().items()}
    assert ours == torchvision_layout(spec)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_torchvisions_layout_loads(tmp_path: Path, suffix: str) -> None:
    state = filled(torchvision_layout(PLAIN))
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path)
    ours = build(PLAIN, path).module.state_dict()
    assert all(torch.equal(ours[key], value) for key, value in state.items())


def test_older_files_without_batch_counters_load(tmp_path: Path) -> None:
    state = {k: v for k, v in filled(torchvision_layout(PLAIN)).items() if "tracked" not in k}
    torch.save(state, tmp_path / "old.pth")
    assert build(PLAIN, tmp_path / "old.pth").trained


def test_a_mismatch_names_the_keys(tmp_path: Path) -> None:
    state = filled(torchvision_layout(PLAIN))
    del state["features.3.conv.2.weight"]
    state["head.weight"] = torch.zeros(1)
    state["classifier.1.weight"] = torch.zeros(1000, 1280)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(InvalidFileError) as raised:
        build(PLAIN, tmp_path / "odd.pth")
    message = raised.value.message
    assert "missing: features.3.conv.2.weight" in message
    assert "unexpected: head.weight" in message
    assert "classifier.1.weight (1000, 1280), wanted (10, 1280)" in message


def test_many_wrong_keys_are_counted_not_all_listed(tmp_path: Path) -> None:
    torch.save(filled(torchvision_layout(PLAIN)), tmp_path / "plain.pth")
    with pytest.raises(InvalidFileError, match=r"features.10.conv.attention.* and \d+ more"):
        build(SPEC, tmp_path / "plain.pth")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.safetensors", b"not a header", "no readable weights"),
        ("a.pth", b"\x80\x02nothing", "no readable weights"),
        ("a.pth", b"", "no readable weights"),
        ("a.onnx", b"", "not a weights file"),
        ("a.pt", None, "cannot read"),
        ("a.safetensors", None, "cannot read"),
    ],
)
def test_foreign_files_are_refused(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidFileError, match=told):
        build(PLAIN, path)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


def test_a_pickle_that_runs_code_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"state_dict": _Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(InvalidFileError, match="no readable weights"):
        build(PLAIN, tmp_path / "bomb.pth")
    assert "executed" not in capsys.readouterr().out


def test_a_checkpoint_with_more_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "odd.pth")
    with pytest.raises(InvalidFileError, match="more than tensors"):
        build(PLAIN, tmp_path / "odd.pth")
