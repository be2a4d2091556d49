"""Building: reproducible, in evaluation mode, sane where untrained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from edgebench import documents
from edgebench.errors import InvalidFileError
from edgebench.models import manifest, registry
from edgebench.models.attention import Attention
from edgebench.models.build import build
from edgebench.models.spec import ModelSpec


def untrained(name: str) -> ModelSpec:
    return replace(registry.get(name), checkpoint=None)


UNTRAINED = ["mobilenet_v2_ca", *(n for n in registry.MODELS if n.startswith("scenes"))]


@pytest.mark.parametrize("name", UNTRAINED)
def test_untrained_weights_keep_activations_in_a_healthy_range(name: str) -> None:
    spec = untrained(name)
    model = build(spec, seed=1)
    assert not model.trained
    assert model.accuracy is None
    assert not model.module.training
    scales: list[float] = []
    gates: list[tuple[float, float]] = []

    def scale(_: nn.Module, __: object, output: Tensor) -> None:
        scales.append(float(output.std()))

    def gate(_: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        ratio = (output / inputs[0])[inputs[0].abs() > 1e-3]
        gates.append((float(ratio.min()), float(ratio.max())))

    for block in model.module.get_submodule("features").children():
        block.register_forward_hook(scale)
    for layer in model.module.modules():
        if isinstance(layer, Attention):
            layer.register_forward_hook(gate)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, spec.input_size, spec.input_size, generator=generator)
    with torch.no_grad():
        logits = model.module(x)
    assert logits.shape == (4, spec.num_classes)
    assert all(0.1 < s < 20 for s in scales), scales
    assert all(low < high <= 1 and high > 0.02 for low, high in gates)
    # Different images give different answers.
    assert float(logits.std(0).mean()) > 1e-3


def test_a_seed_fixes_the_weights_and_leaves_torchs_random_state_alone() -> None:
    spec = untrained("scenes_v2_se")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = build(spec, seed=3), build(spec, seed=3), build(spec, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert one.weights_sha256 == same.weights_sha256 != other.weights_sha256


def test_batch_norms_average_over_the_settling_passes_and_then_train_as_before() -> None:
    norms = [m for m in build(untrained("scenes_v2")).module.modules()]
    found = [m for m in norms if isinstance(m, nn.BatchNorm2d)]
    assert found
    assert {m.momentum for m in found} == {0.1}
    assert all(float(m.running_var.std()) > 0 for m in found if m.running_var is not None)


@settings(max_examples=15, deadline=None)
@given(
    width=st.sampled_from([0.1, 0.35, 0.5, 1.0, 1.4]),
    size=st.integers(32, 97),
    attention=st.sampled_from(["none", "ca", "eca"]),
    placement=st.sampled_from(["expanded", "output", "late"]),
)
def test_any_width_and_size_gives_logits(
    width: float, size: int, attention: str, placement: str
) -> None:
    spec = replace(
        untrained("scenes_v2_ca"),
        width=width,
        input_size=size,
        attention=attention,
        placement=placement,
    )
    with torch.no_grad():
        logits = build(spec).module(torch.zeros(1, 3, size, size))
    assert logits.shape == (1, 10)
    assert bool(logits.isfinite().all())


@pytest.mark.parametrize(
    ("placement", "blocks"),
    [("expanded", range(2, 18)), ("late", range(7, 18)), ("output", range(1, 18))],
)
def test_attention_stands_where_the_placement_says(placement: str, blocks: range) -> None:
    spec = replace(untrained("scenes_v2_ca"), placement=placement)
    module = build(spec).module
    sizes: dict[int, tuple[int, int]] = {}

    def note(index: int, channels: int, size: int) -> None:
        sizes[index] = (channels, size)

    for index, block in enumerate(module.get_submodule("features").children()):
        for layer in block.modules():
            if isinstance(layer, Attention):
                layer.register_forward_hook(
                    lambda _, x, __, i=index: note(i, x[0].shape[1], x[0].shape[2])
                )
    with torch.no_grad():
        module(torch.zeros(1, 3, 224, 224))
    assert list(sizes) == list(blocks)
    assert (sizes[17][0] == 112) is (placement == "output")  # else 6 x 56 expanded channels
    if placement == "late":
        assert max(size for _, size in sizes.values()) == 14


def test_weights_that_are_not_their_manifests_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    torch.save(build(untrained("scenes_v2")).module.state_dict(), weights)
    record = manifest.Checkpoint(
        model="scenes_v2",
        command="",
        seed=0,
        data="scenes",
        recipe_sha256="",
        epochs=1,
        accuracy=manifest.Accuracy(0.5, 0.4, 0.6, 100),
        tools={},
        weights_sha256=documents.sha256(weights),
        log=[],
    )
    documents.save(tmp_path / "w.json", record)
    assert build(registry.get("scenes_v2"), weights).accuracy == record.accuracy
    documents.save(tmp_path / "w.json", replace(record, weights_sha256="0" * 64))
    with pytest.raises(InvalidFileError, match="is not the file that"):
        build(registry.get("scenes_v2"), weights)
