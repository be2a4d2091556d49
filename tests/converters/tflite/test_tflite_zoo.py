"""Every attention of the zoo: no transpose, one partition, in float and in int8."""

from __future__ import annotations

import attention_networks
import numpy as np
import onnx
import pytest
import torch
from attention_networks import exported, settle
from graphs import formed_files, interpreted, random_sample, reference
from zoo import MODELS as TRAINED

from edgebench.converters.tflite import inspect
from edgebench.converters.tflite.convert import convert
from edgebench.models.attention import ATTENTION
from edgebench.models.backbones.build import network
from edgebench.models.registry import MODELS

# The papers' own are in test_matrix; coordinate attention in late blocks alone is a part of it.
WHOLE = [
    name
    for name, spec in MODELS.items()
    if (spec.data == "scenes" and name not in (*TRAINED, "scenes_v2_ca_late"))
    or name == "mobilenet_v2_triplet"
]
LARGEST = 96
"""Pixels: a network has the same layers for larger images."""


@pytest.fixture(scope="module", params=ATTENTION)
def small(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> onnx.ModelProto:
    """An attention between two convolutions, as it stands in MobileNetV2."""
    return attention_networks.small(tmp_path_factory, request.param)


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
    size = min(spec.input_size, LARGEST)
    torch.manual_seed(0)
    model = exported(settle(network(spec), size), size)
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
