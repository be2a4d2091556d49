"""Each attention module against its paper's formula, written out in numpy and scipy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate
from scipy.special import expit
from torch import nn

from edgebench.models.attention import ATTENTION, Attention, eca_kernel

Array = npt.NDArray[np.float64]


def randomised(name: str, channels: int, reduction: int | None, seed: int = 0) -> Attention:
    """A module in evaluation mode, in double precision, with nothing left at 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    module = ATTENTION[name](channels, reduction).double().eval()
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                drawn = torch.randn(value.shape, generator=generator, dtype=value.dtype) * 0.5
                value.copy_(drawn.abs() + 0.5 if key.endswith("running_var") else drawn)
    return module


def arrays(module: nn.Module) -> dict[str, Array]:
    return {k: v.numpy() for k, v in module.state_dict().items()}


def dense(p: dict[str, Array], name: str, x: Array) -> Array:
    """A 1x1 convolution of (C, ...)."""
    shape = (-1,) + (1,) * (x.ndim - 1)
    weight = p[f"{name}.weight"][:, :, 0, 0]
    return np.tensordot(weight, x, 1) + p[f"{name}.bias"].reshape(shape)


def norm(p: dict[str, Array], name: str, x: Array) -> Array:
    shape = (-1,) + (1,) * (x.ndim - 1)
    mean, var, gain, bias = (
        p[f"{name}.{k}"].reshape(shape) for k in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * gain + bias


def plane_gate(p: dict[str, Array], name: str, mean: Array, peak: Array) -> Array:
    """sigmoid(BN(conv([mean, max]))) of two (A, B) planes."""
    kernel = p[f"{name}.conv.weight"][0]
    summed = sum(correlate(x, k, "same") for x, k in zip((mean, peak), kernel, strict=True))
    return expit(norm(p, f"{name}.bn", np.asarray(summed)[None])[0])


def se(p: dict[str, Array], x: Array) -> Array:
    hidden = np.clip(dense(p, "reduce", x.mean((1, 2))), 0, 6)
    return x * expit(dense(p, "expand", hidden))[:, None, None]


def eca(p: dict[str, Array], x: Array) -> Array:
    kernel = p["conv.weight"].ravel()
    padded = np.pad(x.mean((1, 2)), len(kernel) // 2)
    return x * expit(np.correlate(padded, kernel, "valid"))[:, None, None]


def cbam(p: dict[str, Array], x: Array) -> Array:
    def mlp(vector: Array) -> Array:
        return dense(p, "expand", np.maximum(dense(p, "reduce", vector), 0))

    x = x * expit(mlp(x.mean((1, 2))) + mlp(x.max((1, 2))))[:, None, None]
    return x * plane_gate(p, "spatial", x.mean(0), x.max(0))


def triplet(p: dict[str, Array], x: Array) -> Array:
    by_width = plane_gate(p, "width_channel", x.mean(1).T, x.max(1).T).T[:, None, :]
    by_height = plane_gate(p, "height_channel", x.mean(2).T, x.max(2).T).T[:, :, None]
    by_space = plane_gate(p, "spatial", x.mean(0), x.max(0))
    return (x * by_width + x * by_height + x * by_space) / 3


def ca(p: dict[str, Array], x: Array, gate: Callable[[Array], Array] = expit) -> Array:
    _, height, _ = x.shape
    strips = np.concatenate((x.mean(2), x.mean(1)), axis=1)
    hidden = norm(p, "bn1", dense(p, "conv1", strips))
    hidden = hidden * np.clip(hidden + 3, 0, 6) / 6
    rows = gate(dense(p, "conv2", hidden[:, :height]))
    columns = gate(dense(p, "conv3", hidden[:, height:]))
    return x * rows[:, :, None] * columns[:, None, :]


def ca_hard(p: dict[str, Array], x: Array) -> Array:
    return ca(p, x, hard)


def sca(p: dict[str, Array], x: Array) -> Array:
    x = x * plane_gate(p, "height_channel", x.mean(2).T, x.max(2).T).T[:, :, None]
    x = x * plane_gate(p, "width_channel", x.mean(1).T, x.max(1).T).T[:, None, :]
    return x * plane_gate(p, "spatial", x.mean(0), x.max(0))


def hard(x: Array) -> Array:
    return np.clip(x + 3, 0, 6) / 6


def se_hard(p: dict[str, Array], x: Array) -> Array:
    hidden = np.clip(dense(p, "reduce", x.mean((1, 2))), 0, 6)
    return x * hard(dense(p, "expand", hidden))[:, None, None]


def simam(_: dict[str, Array], x: Array) -> Array:
    """Figure 3 of the paper, its lambda 1e-4."""
    distance = (x - x.mean((1, 2), keepdims=True)) ** 2
    variance = distance.sum((1, 2), keepdims=True) / (x.shape[1] * x.shape[2] - 1)
    return x * expit(distance / (4 * (variance + 1e-4)) + 0.5)


def ela(p: dict[str, Array], x: Array) -> Array:
    def gate(strip: Array) -> Array:
        kernels = p["conv.weight"][:, 0, :, 0]
        padded = np.pad(strip, ((0, 0), (3, 3)))
        pairs = zip(padded, kernels, strict=True)
        mixed = np.stack([np.correlate(line, kernel, "valid") for line, kernel in pairs])
        groups = mixed.reshape(np.gcd(len(mixed), 16), -1)
        mean, var = groups.mean(1, keepdims=True), groups.var(1, keepdims=True)
        normed = ((groups - mean) / np.sqrt(var + 1e-5)).reshape(mixed.shape)
        return expit(normed * p["norm.weight"][:, None] + p["norm.bias"][:, None])

    return x * gate(x.mean(2))[:, :, None] * gate(x.mean(1))[:, None, :]


def ema(p: dict[str, Array], x: Array) -> Array:
    """The authors' order of steps, group by group."""
    each = len(p["gain"])
    return np.concatenate([_ema_group(p, x[i : i + each]) for i in range(0, len(x), each)])


def _ema_group(p: dict[str, Array], x: Array) -> Array:
    def softmax(v: Array) -> Array:
        return np.exp(v) / np.exp(v).sum()

    height = x.shape[1]
    strips = dense(p, "conv1x1", np.concatenate((x.mean(2), x.mean(1)), axis=1))
    gated = x * expit(strips[:, :height])[:, :, None] * expit(strips[:, height:])[:, None, :]
    centred = gated - gated.mean((1, 2), keepdims=True)
    normed = centred / np.sqrt(gated.var((1, 2), keepdims=True) + 1e-5)
    first = normed * p["gain"][:, None, None] + p["offset"][:, None, None]
    kernels = p["conv3x3.weight"]
    second = np.stack(
        [sum(correlate(c, k, "same") for c, k in zip(x, ks, strict=True)) for ks in kernels]
    )
    second = second + p["conv3x3.bias"][:, None, None]
    summed = np.tensordot(softmax(first.mean((1, 2))), second, 1) + np.tensordot(
        softmax(second.mean((1, 2))), first, 1
    )
    return x * expit(summed)


REFERENCES: dict[str, Callable[[dict[str, Array], Array], Array]] = {
    "se": se,
    "eca": eca,
    "cbam": cbam,
    "triplet": triplet,
    "ca": ca,
    "sca": sca,
    "se_hard": se_hard,
    "ca_hard": ca_hard,
    "simam": simam,
    "ela": ela,
    "ema": ema,
}


def test_every_attention_has_a_reference() -> None:
    assert set(REFERENCES) == set(ATTENTION)


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_computes_its_formula(name: str) -> None:
    module = randomised(name, channels=24, reduction=4)
    x = torch.randn(3, 24, 9, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        got = module(x).numpy()
    parameters = arrays(module)
    wanted = np.stack([REFERENCES[name](parameters, image) for image in x.numpy()])
    assert np.abs(got - wanted).max() < 1e-10
    assert np.abs(got - x.numpy()).max() > 1e-2


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(ATTENTION)),
    channels=st.integers(1, 40),
    reduction=st.sampled_from([1, 8, 32]),
    size=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
)
def test_attention_keeps_the_shape_and_only_damps(
    name: str, channels: int, reduction: int, size: tuple[int, int, int]
) -> None:
    module = randomised(name, channels, reduction)
    x = torch.randn(size[0], channels, *size[1:], dtype=torch.float64)
    before = x.clone()
    with torch.no_grad():
        y = module(x)
    assert y.shape == x.shape
    assert torch.equal(x, before)
    # Every gate lies in [0, 1]: signs stay and magnitudes cannot grow.
    assert bool((y.abs() <= x.abs() + 1e-12).all())
    assert bool((y * x >= 0).all())


def test_se_gates_every_place_alike_and_coordinate_attention_does_not() -> None:
    x = torch.full((1, 16, 8, 8), 0.1, dtype=torch.float64)
    x[:, :, 1, 2] = 1.0
    with torch.no_grad():
        se_gate, ca_gate = (randomised(name, 16, 4)(x) / x for name in ("se", "ca"))
    assert float(se_gate.std((2, 3)).max()) < 1e-12
    # The bright row and the bright column are gated unlike the others, which are all alike.
    for gate, bright in ((ca_gate[0, 0, :, 0], 1), (ca_gate[0, 0, 0, :], 2)):
        others = torch.cat((gate[:bright], gate[bright + 1 :]))
        assert float(others.std()) < 1e-12
        assert abs(float(gate[bright] - others[0])) > 1e-6


@pytest.mark.parametrize(
    ("channels", "kernel"),
    [(8, 3), (16, 3), (64, 3), (96, 3), (128, 5), (256, 5), (512, 5), (960, 5)],
)
def test_eca_chooses_its_papers_kernel(channels: int, kernel: int) -> None:
    assert eca_kernel(channels) == kernel


@pytest.mark.parametrize("name", ["se", "se_hard", "cbam", "ca", "ca_hard", "ema"])
def test_attention_with_a_bottleneck_needs_a_reduction(name: str) -> None:
    with pytest.raises(ValueError, match="reduction"):
        ATTENTION[name](16, None)
