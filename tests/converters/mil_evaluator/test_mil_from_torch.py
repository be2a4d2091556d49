"""Packages that coremltools makes from torch, computed by the evaluator and by torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conftest import Save
from mil_conversion import converted
from mil_networks import CLASSES, NETWORKS
from torch import nn

from edgebench.converters.coreml.evaluator.program import Program, load
from edgebench.converters.coreml.evaluator.tools import ct


def _errors(program: Program, name: str) -> tuple[float, float]:
    """The largest error of the output, and the largest output."""
    network = NETWORKS[name]
    with torch.no_grad():
        wanted = network.module(*network.examples).numpy()
    ports = zip(program.inputs, network.examples, strict=True)
    (found,) = program.run({port.name: x.numpy() for port, x in ports}).values()
    assert found.shape == wanted.shape
    return float(np.abs(found.astype(np.float64) - wanted).max()), float(np.abs(wanted).max())


@pytest.mark.parametrize(
    ("name", "ios", "exported"),
    [
        ("cnn", 15, False),
        ("transformer", 18, False),
        ("transformer", 16, True),
        ("unet", 17, False),
        ("indexing", 16, False),
        ("indexing", 18, True),
        # Traced: from torch.export coremltools 9.0 loses the GELU's approximation.
        ("elementwise", 17, False),
        ("recurrent", 16, False),
    ],
)
def test_a_float32_package_computes_what_torch_does(
    name: str, ios: int, exported: bool, save: Save
) -> None:
    network = NETWORKS[name]
    model = converted(network.module, network.examples, ios, exported=exported)
    program = load(save(model))
    assert program.opset == ios
    error, largest = _errors(program, name)
    assert error < 1e-5 * max(1.0, largest)


@pytest.mark.parametrize("name", ["transformer", "unet"])
def test_a_float16_package_errs_no_more_than_torch_in_float16(name: str, save: Save) -> None:
    network = NETWORKS[name]
    model = converted(network.module, network.examples, 17, "FLOAT16")
    error, _ = _errors(load(save(model)), name)
    with torch.no_grad():
        wanted = network.module(*network.examples)
        halves = network.module.half()(*(x.half() for x in network.examples)).float()
        network.module.float()
    assert 0 < error < 3 * float((halves - wanted).abs().max())


@pytest.mark.parametrize("color", ["RGB", "BGR", "GRAYSCALE"])
def test_images_are_scaled_and_their_channels_ordered_as_core_ml_does(
    color: str, save: Save
) -> None:
    channels = 1 if color == "GRAYSCALE" else 3
    torch.manual_seed(2)
    network = nn.Sequential(nn.Conv2d(channels, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    scale, bias = 1 / 58, [-2.0, -1.9, -1.8][:channels]
    image_type = ct.ImageType(
        "photo",
        shape=(1, channels, 6, 8),
        scale=scale,
        bias=bias if channels > 1 else bias[0],
        color_layout=getattr(ct.colorlayout, color),
    )
    model = converted(
        network,
        [torch.zeros(1, channels, 6, 8)],
        inputs=[image_type],
        classifier_config=ct.ClassifierConfig(list(CLASSES)),
    )
    program = load(save(model))
    assert program.labels == CLASSES
    (port,) = program.inputs
    assert port.image is not None
    assert (port.image.color, port.image.height, port.image.width) == (color, 6, 8)

    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (6, 8, channels), np.uint8)
    as_network = photo[..., ::-1] if color == "BGR" else photo
    x = torch.from_numpy(as_network.astype(np.float32).transpose(2, 0, 1)[None].copy())
    with torch.no_grad():
        wanted = network(x * scale + torch.tensor(bias).reshape(-1, 1, 1)).numpy()
    plain = photo[..., 0] if channels == 1 else photo
    for given in (plain, photo[None], photo.transpose(2, 0, 1), photo.transpose(2, 0, 1)[None]):
        found = program.run({"photo": given})
        assert found["classLabel"].item() == CLASSES[int(wanted.argmax())]
        np.testing.assert_allclose(found["classLabel_probs"], wanted[0], atol=1e-5)


def test_half_precision_values_are_those_that_half_precision_holds(half: Program) -> None:
    seen: dict[str, Any] = {}
    x = NETWORKS["cnn"].examples[0].numpy()
    half.trace({"x0": x}, lambda name, op_type, array: seen.setdefault(op_type, array))
    assert {"conv", "relu", "add", "concat", "max_pool", "linear"} <= seen.keys()
    (port,) = half.inputs
    assert seen.pop("input").dtype == port.dtype
    assert all(array.dtype == np.float16 for array in seen.values())
