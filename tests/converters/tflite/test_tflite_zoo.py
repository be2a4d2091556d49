"""Every attention of the zoo: no transpose, one partition, in float and in int8."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from graphs import formed_files, interpreted, random_sample, reference
from torch import nn
from zoo import MODELS as TRAINED

from edgebench.converters.onnx.simplify import simplify
from edgebench.converters.quiet import quiet
from edgebench.converters.tflite import inspect
from edgebench.converters.tflite.convert import convert
from edgebench.models.attention import ATTENTION
from edgebench.models.backbones.build import network
from edgebench.models.registry import MODELS

REDUCTION = {"se": 4, "cbam": 4, "ca": 4}
# The papers' own are in test_matrix.
WHOLE = [
    name
    for name, spec in MODELS.items()
    if (spec.data == "scenes" and name not in TRAINED)
    or (spec.attention == "triplet" and spec.width == 1.0)
]


def exported(module: nn.Module, size: int) -> onnx.ModelProto:
    image = torch.zeros(1, 3, size, size)
    with quiet(), torch.no_grad():
        program = torch.onnx.export(module.eval(), (image,), dynamo=True, verbose=False)
    return simplify(program.model_proto)[0]


def settle(module: nn.Module, size: int) -> nn.Module:
    """Fresh weights with batch-norm statistics to match, so that int8 ranges are sane."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    with torch.no_grad():
        module.train()(torch.randn(16, 3, size, size))
    return module


@pytest.fixture(scope="module", params=ATTENTION)
def small(request: pytest.FixtureRequest) -> onnx.ModelProto:
    """An attention between two convolutions, as it stands in MobileNetV2."""
    torch.manual_seed(0)
    attention = ATTENTION[request.param](16, REDUCTION.get(request.param))
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU6(),
        attention,
        nn.Conv2d(16, 8, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    return exported(settle(net, 24), 24)


@pytest.fixture(scope="module")
def small_files(small: onnx.ModelProto) -> dict[str, bytes]:
    samples = [random_sample(small, seed) for seed in range(8)]
    return formed_files(small, ["fp32", "int8", "int16x8"], samples)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_an_attention_is_one_partition_without_transposes(small_files, precision) -> None:
    found = inspect.summary(small_files[precision])
    assert (found.transposes, found.partitions, found.outside) == (0, 1, {})


def test_an_attention_has_an_int16_form_without_transposes(small_files) -> None:
    assert inspect.summary(small_files["int16x8"]).transposes == 0


def test_an_attention_computes_what_onnx_runtime_does(small, small_files) -> None:
    sample = random_sample(small)
    got = interpreted(small_files["fp32"], small, sample)[0]
    np.testing.assert_allclose(got, reference(small, sample)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_model_is_one_partition_without_transposes(name) -> None:
    spec = MODELS[name]
    torch.manual_seed(0)
    model = exported(settle(network(spec), spec.input_size), spec.input_size)
    files = formed_files(
        model, ["fp32", "dynamic", "int8"], [random_sample(model, s) for s in range(2)]
    )
    for file in files.values():
        found = inspect.summary(file)
        assert (found.transposes, found.partitions, found.outside) == (0, 1, {})
    sample = random_sample(model)
    np.testing.assert_allclose(
        interpreted(files["fp32"], model, sample)[0],
        reference(model, sample)[0],
        rtol=1e-3,
        atol=1e-4,
    )


def test_a_channel_gate_needs_no_data_movement(small) -> None:
    """Reshapes are views; nothing but they may stand between the means and the gates."""
    found = inspect.summary(convert(small, "fp32"))
    assert not {"GATHER", "SPLIT", "SPLIT_V", "STRIDED_SLICE", "BATCH_MATMUL"} & set(found.ops)
