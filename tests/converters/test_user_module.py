"""A user's own torch module: by the name of its factory, with its weights, to a device format."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from edgebench.cli import main
from edgebench.converters.artifact import Artifact
from edgebench.converters.export.export import export
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.targets import parse
from edgebench.errors import EdgeBenchError, InvalidFileError, UnsupportedModelError, UsageError

PROGRAM = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        self.head = nn.Linear(8, 5)

    def forward(self, picture):
        return self.head(self.conv(picture).relu().mean((2, 3)))

class Two(Net):
    def forward(self, picture, scale):
        seen = self.conv(picture).relu()
        return {"map": seen * scale, "scores": self.head(seen.mean((2, 3)))}

class Endless(nn.Module):
    def forward(self, x):
        while x.sum() > 0:
            x = x - 1
        return x

def needs(argument):
    return Net()

def fails():
    raise RuntimeError("no weights on disk")

class Talkative(Net):
    def __init__(self):
        print("loaded pretrained weights")
        super().__init__()

    def forward(self, picture):
        print("forward")
        return super().forward(picture)

NUMBER = 3
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "users_net.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("users_net", None)


def exported(source: str, out: Path, **options: object) -> Artifact:
    asked = ExportRequest(source, (parse("onnx"),), out, **options)  # type: ignore[arg-type]
    (artifact,) = export(asked).artifacts
    return artifact


def built(name: str, seed: int) -> torch.nn.Module:
    names: dict[str, Any] = {}
    exec(PROGRAM, names)
    torch.manual_seed(seed)
    module: torch.nn.Module = names[name]()
    return module


def computed(artifact: Artifact, *inputs: torch.Tensor) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(artifact.path)
    names = [port.name for port in session.get_inputs()]
    return session.run(None, dict(zip(names, (one.numpy() for one in inputs), strict=True)))  # type: ignore[no-any-return]


def test_a_factorys_module_is_exported_with_the_weights_that_are_given(tmp_path: Path) -> None:
    module = built("Net", seed=1)
    save_file(module.state_dict(), tmp_path / "mine.safetensors")
    artifact = exported(
        "users_net:Net",
        tmp_path,
        input_shapes=(1, 3, 16, 12),
        weights=tmp_path / "mine.safetensors",
    )
    assert artifact.path.name == "Net.fp32.onnx"
    assert [hop.step for hop in artifact.manifest.hops] == ["torch->onnx", "onnx->onnx:fp32"]
    assert artifact.manifest.parameters == sum(p.numel() for p in module.parameters())
    picture = torch.rand(1, 3, 16, 12)
    (found,) = computed(artifact, picture)
    np.testing.assert_allclose(found, module(picture).detach().numpy(), atol=1e-5)


def test_several_inputs_and_outputs_keep_their_order(tmp_path: Path) -> None:
    module = built("Two", seed=2)
    shapes = {"picture": (1, 3, 8, 8), "scale": (1, 1, 1, 1)}
    artifact = exported("two", tmp_path, input_shapes=shapes, module=module)
    assert [port.name for port in artifact.manifest.inputs] == ["picture", "scale"]
    inputs = torch.rand(1, 3, 8, 8), torch.full((1, 1, 1, 1), 3.0)
    wanted = module(*inputs)
    for found, name in zip(computed(artifact, *inputs), ("map", "scores"), strict=True):
        np.testing.assert_allclose(found, wanted[name].detach().numpy(), atol=1e-5)


def test_code_that_has_changed_is_exported_again(tmp_path: Path) -> None:
    asked = ExportRequest("users_net:Net", (parse("onnx"),), tmp_path, input_shapes=(1, 3, 8, 8))
    assert export(asked).made == export(asked).made == ("Net.fp32.onnx",)


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("users_net:Missing", UsageError, "nothing callable named 'Missing'"),
        ("users_net:NUMBER", UsageError, "nothing callable named 'NUMBER'"),
        ("no_such_package.here:Net", UsageError, "no module no_such_package"),
        ("users_net:dict", UsageError, "nothing callable"),
        ("users_net:needs", UnsupportedModelError, "needs.. failed: TypeError"),
        ("users_net:fails", UnsupportedModelError, "no weights on disk"),
        ("users_net:Endless", UnsupportedModelError, "torch cannot export Endless"),
    ],
)
def test_what_cannot_be_built_or_traced_says_why(
    source: str, error: type[EdgeBenchError], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words) as caught:
        exported(source, tmp_path, input_shapes=(1, 3, 8, 8))
    assert caught.value.remedy


def test_the_input_shape_has_to_be_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="input shape") as caught:
        exported("users_net:Net", tmp_path)
    assert "--input-shape" in caught.value.remedy


def test_weights_of_another_network_name_the_keys(tmp_path: Path) -> None:
    save_file({"other.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InvalidFileError, match=r"missing: conv\.bias.*unexpected: other\.weight"):
        exported(
            "users_net:Net",
            tmp_path,
            input_shapes=(1, 3, 8, 8),
            weights=tmp_path / "other.safetensors",
        )


def test_what_the_users_code_prints_does_not_mix_with_results(
    capfd: pytest.CaptureFixture[str],
) -> None:
    words = ["export", "users_net:Talkative", "--input-shape", "1,3,16,16", "--to", "onnx"]
    assert main([*words, "--jobs", "1", "--json"]) == 0
    said = capfd.readouterr()
    assert json.loads(said.out)[0]["model"] == "Talkative"
    assert "loaded pretrained weights" in said.err
