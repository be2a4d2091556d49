"""Compressed weights: against coremltools' own decompression, and against the documented cases."""

from __future__ import annotations

from collections.abc import Callable
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
from numpy.testing import assert_allclose, assert_array_equal

from edgebench.converters.coreml.evaluator import package
from edgebench.converters.coreml.evaluator.package import unpacked
from edgebench.converters.coreml.evaluator.program import load
from edgebench.converters.coreml.evaluator.tools import ct
from edgebench.converters.quiet import quiet

coreml = ct.optimize.coreml


@pytest.fixture(scope="module")
def models() -> dict[int, Any]:
    """The CNN by iOS version."""
    network = NETWORKS["cnn"]
    return {ios: converted(network.module, network.examples, ios=ios) for ios in (16, 18)}


def _of(**options: Any) -> Callable[[type], Any]:
    return lambda kind: coreml.OptimizationConfig(global_config=kind(weight_threshold=0, **options))


def _linear(model: Any, **options: Any) -> Any:
    config = _of(**options)(coreml.OpLinearQuantizerConfig)
    return coreml.linear_quantize_weights(model, config)


def _palette(model: Any, **options: Any) -> Any:
    config = _of(mode="uniform", **options)(coreml.OpPalettizerConfig)
    return coreml.palettize_weights(model, config)


def _pruned(model: Any) -> Any:
    return coreml.prune_weights(
        model, _of(threshold=0.05, minimum_sparsity_percentile=0.1)(coreml.OpThresholdPrunerConfig)
    )


def _sparse_palette(model: Any) -> Any:
    config = _of(mode="uniform", nbits=4)(coreml.OpPalettizerConfig)
    return coreml.palettize_weights(_pruned(model), config, joint_compression=True)


def _sparse_int8(model: Any) -> Any:
    config = _of(mode="linear_symmetric")(coreml.OpLinearQuantizerConfig)
    return coreml.linear_quantize_weights(_pruned(model), config, joint_compression=True)


CASES: dict[str, tuple[int, str, Callable[[Any], Any]]] = {
    "int8": (16, "constexpr_affine_dequantize", lambda m: _linear(m, mode="linear_symmetric")),
    "uint8 with offset": (
        16,
        "constexpr_affine_dequantize",
        lambda m: _linear(m, mode="linear", dtype="uint8"),
    ),
    "palette of 16": (16, "constexpr_lut_to_dense", lambda m: _palette(m, nbits=4)),
    "palette of 64": (16, "constexpr_lut_to_dense", lambda m: _palette(m, nbits=6)),
    "pruned": (16, "constexpr_sparse_to_dense", _pruned),
    "int8 since 18": (
        18,
        "constexpr_blockwise_shift_scale",
        lambda m: _linear(m, mode="linear", dtype="int8"),
    ),
    "int4 by blocks": (
        18,
        "constexpr_blockwise_shift_scale",
        lambda m: _linear(m, dtype="int4", granularity="per_block", block_size=8),
    ),
    "palettes by groups of channels": (
        18,
        "constexpr_lut_to_dense",
        lambda m: _palette(m, nbits=3, granularity="per_grouped_channel", group_size=4),
    ),
    "pruned since 18": (18, "constexpr_sparse_to_dense", _pruned),
    "pruned and palettised": (18, "constexpr_lut_to_sparse", _sparse_palette),
    "pruned and int8": (18, "constexpr_sparse_blockwise_shift_scale", _sparse_int8),
}


@pytest.mark.parametrize("case", CASES)
def test_compressed_weights_are_what_coremltools_decompresses(
    case: str, models: dict[int, Any], save: Save
) -> None:
    ios, op_type, compress = CASES[case]
    with quiet():
        small = compress(models[ios])
        dense = coreml.decompress_weights(small)
    path = save(small)
    assert op_type in {operation.op_type for operation in package.read(path).body.operations}
    feeds = {"x0": NETWORKS["cnn"].examples[0].numpy()}
    (found,) = load(path).run(feeds).values()
    (wanted,) = load(save(dense)).run(feeds).values()
    assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    (original,) = load(save(models[ios])).run(feeds).values()
    assert np.abs(found - original).max() > 0


def test_the_documented_palettes() -> None:
    """The cases in coremltools' documentation of `constexpr_lut_to_dense`, with numbers."""
    groups = evaluate(
        "constexpr_lut_to_dense",
        18,
        indices=np.array([2, 3, 3, 0, 1, 0, 3, 0, 2, 1, 0, 3]).reshape(6, 2),
        lut=np.array([1, 5, 9, 13, 2, 10, 18, 26], np.float32).reshape(2, 1, 4, 1),
    )
    assert groups.flatten().tolist() == [9, 13, 13, 1, 5, 1, 26, 2, 18, 10, 2, 26]
    indices = np.array([0, 0, 1, 0, 1, 1, 0, 0]).reshape(2, 2, 2)
    lut = np.array([10, 11, 12, 20, 21, 22], np.float32).reshape(1, 1, 1, 2, 3)
    a, b = [10, 11, 12], [20, 21, 22]
    last = evaluate("constexpr_lut_to_dense", 18, indices=indices, lut=lut, vector_axis=2)
    assert last.tolist() == [[a + a, b + a], [b + b, a + a]]
    middle = evaluate("constexpr_lut_to_dense", 18, indices=indices, lut=lut, vector_axis=1)
    assert middle.mT.tolist() == [[a + b, a + a], [b + a, b + a]]


def test_the_documented_sparse_palette_and_scales() -> None:
    rows = ["110000", "110001", "011010", "000100"]
    mask = np.array([[int(bit) for bit in row] for row in rows])
    where, values = evaluate(
        "constexpr_lut_to_sparse",
        18,
        indices_mask=mask,
        indices_nonzero_data=np.array([0, 1, 1, 0, 1, 1, 0, 0, 1]),
        lut=np.array([2.0, 3.0], np.float32).reshape(1, 1, 2, 1),
    )
    assert_array_equal(where.numpy(), mask)
    assert values.tolist() == [2, 3, 3, 2, 3, 3, 2, 2, 3]
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [1, 1, 0, 0]])
    _, scaled = evaluate(
        "constexpr_sparse_blockwise_shift_scale",
        18,
        data_mask=mask,
        nonzero_data=np.array([10, 11, 3, 4, 5, 6, 7, 8, 9]),
        scale=np.array([[0.1, 0.2, 0.3, 0.4]], np.float32),
        offset=np.array([[1, 2, 3, 4]]),
    )
    assert_allclose(scaled.numpy(), [0.9, 1.8, 0.2, 0.4, 0.6, 0.9, 1.2, 0.7, 1.4], rtol=1e-6)


@given(st.sampled_from([1, 2, 3, 4, 6]), st.data())
def test_packed_elements_come_out_in_order(bits: int, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=20))
    flags = [number >> i & 1 for number in numbers for i in range(bits)]
    content = np.packbits(np.array(flags, np.uint8), bitorder="little")
    assert unpacked(content, bits, len(numbers)).tolist() == numbers
    signed = [number - 2**bits if number >= 2 ** (bits - 1) else number for number in numbers]
    assert unpacked(content, bits, len(numbers), f"INT{bits}").tolist() == signed


@given(
    st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=8),
    st.floats(0.03125, 0.125, width=32),
    st.integers(-128, 127),
)
def test_quantised_numbers_are_half_a_step_off_or_at_the_end_of_the_range(
    numbers: list[float], scale: float, zero: int
) -> None:
    x, how = torch.tensor(numbers), {"scale": torch.tensor(scale), "zero_point": torch.tensor(zero)}
    stored = evaluate("quantize", 17, "int8", input=x, output_dtype="int8", **how)
    back = evaluate("dequantize", 17, input=stored, **how)
    low, high = (-128 - zero) * scale, (127 - zero) * scale
    assert ((back - x.clamp(low, high)).abs() <= scale * 0.5001 + 1e-6).all()


def test_scales_along_an_axis_belong_to_its_places() -> None:
    stored = torch.tensor([[2, 4], [6, 8]], dtype=torch.int8)
    how = {"scale": torch.tensor([0.5, 10.0]), "zero_point": torch.tensor([2, 4])}
    assert evaluate("dequantize", 17, input=stored, axis=0, **how).tolist() == [[0, 1], [20, 40]]
    assert evaluate("dequantize", 17, input=stored, axis=1, **how).tolist() == [[0, 0], [2, 40]]
