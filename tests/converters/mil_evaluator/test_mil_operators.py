"""Each family against torch's own function or NumPy's, over shapes and parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from mil_calls import evaluate, tensor
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.nn import functional

from edgebench.converters.coreml.evaluator.operation import OPS, CannotEvaluate, evaluates

sizes = st.integers(1, 9)
small = st.integers(1, 3)


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert found.shape == wanted.shape
    assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-5)


@given(st.integers(3, 9), st.integers(3, 9), small, small, st.integers(1, 2), st.booleans())
def test_conv_is_torchs(
    height: int, width: int, kernel: int, stride: int, gap: int, depthwise: bool
) -> None:
    pads = [1, 0, 2, 1]
    assume(min(height + 1, width + 3) >= (kernel - 1) * gap + 1)
    groups = 4 if depthwise else 1
    x, w, b = tensor(2, 4, height, width), tensor(8, 4 // groups, kernel, kernel), tensor(8)
    found = evaluate(
        "conv",
        x=x,
        weight=w,
        bias=b,
        strides=[stride, stride],
        pad_type="custom",
        pad=pads,
        dilations=[gap, gap],
        groups=groups,
    )
    before = functional.pad(x, (2, 1, 1, 0))
    close(found, functional.conv2d(before, w, b, stride, 0, gap, groups))


@given(sizes, small, small)
def test_same_padding_gives_one_output_a_stride_and_puts_the_odd_one_behind(
    size: int, kernel: int, stride: int
) -> None:
    assume(kernel >= stride)  # else there is nothing to pad
    x, w = tensor(1, 1, size), tensor(1, 1, kernel)
    same, lower = (
        evaluate("conv", x=x, weight=w, strides=[stride], pad_type=kind)
        for kind in ("same", "same_lower")
    )
    assert same.shape[-1] == lower.shape[-1] == -(-size // stride)
    # Seen in a mirror, the one is the other.
    mirrored = evaluate("conv", x=x.flip(-1), weight=w.flip(-1), strides=[stride], pad_type="same")
    close(lower, mirrored.flip(-1))


@given(st.integers(1, 6), small, small, st.integers(1, 2), st.integers(0, 1), st.booleans())
def test_conv_transpose_is_torchs(
    size: int, kernel: int, stride: int, gap: int, pad: int, longer: bool
) -> None:
    extra = int(longer and stride > 1)
    assume((size - 1) * stride + (kernel - 1) * gap + 1 + extra - 2 * pad > 0)
    x, w, b = tensor(1, 4, size, size), tensor(4, 3, kernel, kernel), tensor(6)
    wanted = functional.conv_transpose2d(x, w, b, stride, pad, extra, 2, gap)
    found = evaluate(
        "conv_transpose",
        x=x,
        weight=w,
        bias=b,
        strides=[stride] * 2,
        pad_type="custom",
        pad=[pad] * 4,
        dilations=[gap] * 2,
        groups=2,
        output_shape=list(wanted.shape),
    )
    close(found, wanted)


@given(st.integers(2, 6), st.integers(2, 4), small)
def test_same_conv_transpose_is_the_gradient_of_the_same_conv(
    size: int, kernel: int, stride: int
) -> None:
    big, w = tensor(1, 3, size * stride).requires_grad_(), tensor(2, 3, kernel)
    y = evaluate("conv", x=big, weight=w, strides=[stride], pad_type="same")
    upstream = tensor(*y.shape, seed=1)
    (wanted,) = torch.autograd.grad(y, big, upstream)
    found = evaluate("conv_transpose", x=upstream, weight=w, strides=[stride], pad_type="same")
    close(found, wanted)


@given(
    st.integers(4, 11), st.integers(2, 3), small, st.integers(0, 1), st.booleans(), st.booleans()
)
def test_pools_are_torchs(
    size: int, kernel: int, stride: int, pad: int, ceil: bool, exclude: bool
) -> None:
    x = tensor(2, 3, size, size + 2)
    given_ = dict(
        x=x,
        kernel_sizes=[kernel] * 2,
        strides=[stride] * 2,
        pad_type="custom",
        pad=[pad] * 4,
        ceil_mode=ceil,
    )
    # coremltools' rule for the last window differs from torch's where there is no padding.
    last = -(-(size + 2 * pad - kernel) // stride) * stride
    assume(not ceil or pad or last < size)
    last = -(-(size + 2 + 2 * pad - kernel) // stride) * stride
    assume(not ceil or pad or last < size + 2)
    close(evaluate("max_pool", **given_), functional.max_pool2d(x, kernel, stride, pad, 1, ceil))
    mean = evaluate("avg_pool", **given_, exclude_padding_from_average=exclude)
    close(mean, functional.avg_pool2d(x, kernel, stride, pad, ceil, not exclude))
    power = evaluate("l2_pool", **given_)
    sums = functional.avg_pool2d(x * x, kernel, stride, pad, ceil, True, divisor_override=1)
    close(power, sums.sqrt())


axes = st.lists(st.integers(-3, 2), min_size=1, max_size=3).filter(
    lambda found: len({axis % 3 for axis in found}) == len(found)
)
NUMPY_REDUCTIONS = {
    "reduce_sum": np.sum,
    "reduce_mean": np.mean,
    "reduce_max": np.max,
    "reduce_min": np.min,
    "reduce_prod": np.prod,
    "reduce_l1_norm": lambda x, **how: np.sum(np.abs(x), **how),
    "reduce_l2_norm": lambda x, **how: np.sqrt(np.sum(x * x, **how)),
    "reduce_sum_square": lambda x, **how: np.sum(x * x, **how),
    "reduce_log_sum_exp": lambda x, **how: np.log(np.sum(np.exp(x), **how)),
}


@given(st.sampled_from(sorted(NUMPY_REDUCTIONS)), axes, st.booleans())
def test_reductions_are_numpys(op_type: str, over: list[int], keep: bool) -> None:
    x = tensor(2, 3, 4)
    found = evaluate(op_type, x=x, axes=over, keep_dims=keep)
    wanted = NUMPY_REDUCTIONS[op_type](x.numpy(), axis=tuple(over), keepdims=keep)
    assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-5)


bounds = st.integers(-6, 6)


@given(st.lists(st.tuples(bounds, bounds, st.sampled_from([-2, -1, 1, 2])), min_size=2, max_size=2))
def test_slices_are_numpys(spans: list[tuple[int, int, int]]) -> None:
    x = tensor(5, 4)
    begin, end, stride = (list(column) for column in zip(*spans, strict=True))
    found = evaluate("slice_by_index", x=x, begin=begin, end=end, stride=stride)
    assert_array_equal(found.numpy(), x.numpy()[tuple(slice(*span) for span in spans)])


def test_masks_of_a_slice_leave_bounds_out_and_squeeze() -> None:
    x = tensor(4, 5, 6)
    found = evaluate(
        "slice_by_index",
        x=x,
        begin=[1, 2, 0],
        end=[9, 0, 3],
        begin_mask=[False, False, True],
        end_mask=[True, False, False],
        squeeze_mask=[False, True, False],
    )
    assert_array_equal(found.numpy(), x.numpy()[1:, 2, :3])


@given(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["constant", "reflect", "replicate"]))
def test_pads_are_numpys(before: int, after: int, mode: str) -> None:
    x = tensor(2, 3, 4)
    found = evaluate("pad", x=x, pad=[before, after], mode=mode, constant_val=0.5)
    how = {"constant_values": 0.5} if mode == "constant" else {}
    name = "edge" if mode == "replicate" else mode
    assert_array_equal(
        found.numpy(), np.pad(x.numpy(), [(0, 0), (0, 0), (before, after)], name, **how)
    )


RESIZES = {
    "STRICT_ALIGN_CORNERS": {"mode": "bilinear", "align_corners": True},
    "UNALIGN_CORNERS": {"mode": "bilinear", "align_corners": False},
}


@given(sizes, sizes, sizes, sizes, st.sampled_from(sorted(RESIZES)))
def test_bilinear_resizes_are_torchs(h: int, w: int, to_h: int, to_w: int, mode: str) -> None:
    x = tensor(1, 2, h, w)
    wanted = functional.interpolate(x, (to_h, to_w), **RESIZES[mode])
    given_ = {"target_size_height": to_h, "target_size_width": to_w}
    close(evaluate("resize_bilinear", x=x, sampling_mode=mode, **given_), wanted)
    shape = {"shape": [to_h, to_w], "resized_dims": 2}
    close(evaluate("resize", opset=17, x=x, sampling_mode=mode, **shape), wanted)


@given(sizes, st.integers(1, 4))
def test_nearest_upsampling_by_whole_factors_repeats(size: int, factor: int) -> None:
    x = tensor(1, 2, size, size)
    found = evaluate(
        "upsample_nearest_neighbor", x=x, scale_factor_height=factor, scale_factor_width=1
    )
    assert_array_equal(found.numpy(), np.repeat(x.numpy(), factor, 2))


def test_the_documented_grids() -> None:
    """The grid points that coremltools' documentation lists for two pixels, 0 and 1."""
    x = torch.tensor([[[[0.0, 1.0]]]])
    listed = {
        "UNALIGN_CORNERS": [0.0, 0.1, 0.5, 0.9, 1.0],
        "ALIGN_CORNERS": [0.0, 0.25, 0.5, 0.75, 1.0],
        "STRICT_ALIGN_CORNERS": [0.0, 0.25, 0.5, 0.75, 1.0],
        "DEFAULT": [0.0, 0.4, 0.8, 1.0, 1.0],
        "OFFSET_CORNERS": [0.1, 0.3, 0.5, 0.7, 0.9],
    }
    for mode, points in listed.items():
        found = evaluate("resize_bilinear", x=x, target_size_width=5, sampling_mode=mode)
        assert_allclose(found.flatten().numpy(), points, atol=1e-6)


indices = st.lists(st.integers(-4, 3), min_size=1, max_size=5)


@given(indices, st.integers(-3, 2))
def test_gathers_before_ios_17_are_numpys(places: list[int], axis: int) -> None:
    x = tensor(4, 4, 4)
    found = evaluate("gather", x=x, indices=np.array(places), axis=axis)
    assert_array_equal(found.numpy(), np.take(x.numpy(), places, axis))


def test_what_ios_17_leaves_undefined_is_not_made_up() -> None:
    with pytest.raises(CannotEvaluate, match="outside"):
        evaluate("gather", opset=17, x=tensor(4), indices=np.array([-1]))


def test_gathers_by_batch_take_from_their_own_row() -> None:
    x, places = tensor(2, 5, 3), np.array([[4, 0], [1, 1]])
    found = evaluate("gather", x=x, indices=places, axis=1, batch_dims=1)
    assert_array_equal(found.numpy(), np.stack([x.numpy()[i, places[i]] for i in range(2)]))
    nd = evaluate("gather_nd", x=x, indices=places[..., None], batch_dims=1)
    assert_array_equal(nd.numpy(), found.numpy())
    along = evaluate("gather_along_axis", x=x, indices=np.array([[[2, 0, 1]]] * 2), axis=1)
    wanted = np.take_along_axis(x.numpy(), np.array([[[2, 0, 1]]] * 2), 1)
    assert_array_equal(along.numpy(), wanted)


SCATTERS = {
    "update": lambda at, by: by,
    "add": lambda at, by: at + by,
    "sub": lambda at, by: at - by,
    "mul": lambda at, by: at * by,
    "div": lambda at, by: at / by,
    "max": np.maximum,
    "min": np.minimum,
}


@pytest.mark.parametrize("mode", sorted(SCATTERS))
def test_scatters_combine_what_is_there_with_what_comes(mode: str) -> None:
    data, updates, rows = tensor(5, 3), tensor(2, 3, seed=1), np.array([3, 1])
    wanted = data.numpy().copy()
    wanted[rows] = SCATTERS[mode](wanted[rows], updates.numpy())
    given_ = {"data": data, "updates": updates, "mode": mode}
    found = [
        evaluate("scatter", **given_, indices=rows, axis=0),
        evaluate("scatter_nd", **given_, indices=rows[:, None]),
        evaluate("scatter_along_axis", **given_, indices=np.repeat(rows[:, None], 3, 1), axis=0),
    ]
    for one in found:
        assert_allclose(one.numpy(), wanted, rtol=1e-6)


@given(st.booleans(), st.booleans())
def test_matmul_transposes_its_operands(first: bool, second: bool) -> None:
    x, y = tensor(2, 3, 4), tensor(2, 4, 5)
    found = evaluate(
        "matmul",
        x=x.mT if first else x,
        y=y.mT if second else y,
        transpose_x=first,
        transpose_y=second,
    )
    close(found, x @ y)


def test_norms_are_torchs() -> None:
    x, gamma, beta, mean = tensor(2, 4, 5, 6), tensor(4), tensor(4, seed=1), tensor(4, seed=2)
    affine = {"gamma": gamma, "beta": beta, "epsilon": 1e-3}
    variance = mean.abs() + 0.5
    close(
        evaluate("batch_norm", x=x, mean=mean, variance=variance, **affine),
        functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3),
    )
    close(
        evaluate("instance_norm", x=x, **affine),
        functional.instance_norm(x, weight=gamma, bias=beta, eps=1e-3),
    )
    scale, shift = tensor(5, 6), tensor(5, 6, seed=1)
    close(
        evaluate("layer_norm", x=x, axes=[-2, -1], gamma=scale, beta=shift, epsilon=1e-3),
        functional.layer_norm(x, (5, 6), scale, shift, 1e-3),
    )
    flat = x.flatten(1)
    wanted = flat / (flat.square().sum(1, keepdim=True) + 1e-3).sqrt()
    close(evaluate("l2_norm", x=x, epsilon=1e-3).flatten(1), wanted)
    close(
        evaluate("local_response_norm", x=x, size=3, alpha=0.1, beta=0.7, k=2.0),
        functional.local_response_norm(x, 3, 0.1, 0.7, 2.0),
    )


ACTIVATIONS = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "silu": functional.silu,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "gelu": functional.gelu,
}


@given(st.sampled_from(sorted(ACTIVATIONS)), st.floats(-30, 30, width=32))
def test_activations_are_torchs(op_type: str, number: float) -> None:
    x = torch.tensor([number])
    close(evaluate(op_type, x=x), ACTIVATIONS[op_type](x))


@given(st.floats(-9, 9, width=32), st.floats(0.125, 2, width=32), st.floats(-1, 1, width=32))
def test_activations_with_parameters_are_their_formulas(x: float, a: float, b: float) -> None:
    given_ = {"x": torch.tensor([x]), "alpha": torch.tensor(a), "beta": torch.tensor(b)}
    plain = {name: given_[name] for name in ("x", "alpha")}
    wanted = {
        "sigmoid_hard": min(max(a * x + b, 0), 1),
        "linear_activation": a * x + b,
        "scaled_tanh": a * np.tanh(b * x),
        "clamped_relu": min(b, x if x >= 0 else a * x),
    }
    for op_type, number in wanted.items():
        assert_allclose(evaluate(op_type, **given_).item(), number, rtol=1e-5, atol=1e-5)
    assert_allclose(
        evaluate("elu", **plain).item(), x if x > 0 else a * np.expm1(x), rtol=1e-5, atol=1e-6
    )
    assert_allclose(
        evaluate("leaky_relu", **plain).item(), x if x >= 0 else a * x, rtol=1e-5, atol=1e-6
    )
    assert evaluate("thresholded_relu", **plain).item() == (x if x >= a else 0)


@given(st.integers(1, 4), st.integers(1, 3))
def test_spaces_and_blocks_undo_each_other(size: int, block: int) -> None:
    x = tensor(2, 3, size * block, size * block)
    deep = evaluate("space_to_depth", x=x, block_size=block)
    assert_array_equal(evaluate("depth_to_space", x=deep, block_size=block).numpy(), x.numpy())
    shape = {"block_shape": [block, block]}
    many = evaluate("space_to_batch", x=x, paddings=[[0, 0], [0, 0]], **shape)
    back = evaluate("batch_to_space", x=many, crops=[[0, 0], [0, 0]], **shape)
    assert_array_equal(back.numpy(), x.numpy())
    shuffled = evaluate("pixel_unshuffle", x=x, downscale_factor=block)
    assert_array_equal(
        evaluate("pixel_shuffle", x=shuffled, upscale_factor=block).numpy(), x.numpy()
    )


def test_a_deep_blocks_place_is_the_slower_part_of_the_channel() -> None:
    x = torch.arange(8.0).reshape(1, 2, 2, 2)
    found = evaluate("space_to_depth", x=x, block_size=2)
    assert found.flatten().tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_lstm_is_torchs_with_mils_sequence_of_gates(direction: str) -> None:
    both = direction == "bidirectional"
    layer = nn.LSTM(3, 4, bidirectional=both)
    x = tensor(5, 2, 3)
    given_ = {"x": x.flip(0) if direction == "reverse" else x}
    for torch_suffix, suffix in (("", ""), ("_reverse", "_back"))[: 1 + both]:
        for kind in ("ih", "hh"):
            weight = getattr(layer, f"weight_{kind}_l0{torch_suffix}").detach()
            given_[f"weight_{kind}{suffix}"] = _input_forget_output_cell(weight)
        bias = sum(
            getattr(layer, f"bias_{kind}_l0{torch_suffix}").detach() for kind in ("ih", "hh")
        )
        given_[f"bias{suffix}"] = _input_forget_output_cell(bias)
    zeros = torch.zeros(2, 4 * (1 + both))
    given_ |= {"initial_h": zeros, "initial_c": zeros}
    with torch.no_grad():
        sequence, (h, c) = layer(x)
    found = evaluate("lstm", **given_, direction=direction, output_sequence=True)
    close(found[0].flip(0) if direction == "reverse" else found[0], sequence)
    close(found[1], h.transpose(0, 1).flatten(1))
    close(found[2], c.transpose(0, 1).flatten(1))


def _input_forget_output_cell(stacked: torch.Tensor) -> torch.Tensor:
    i, f, g, o = stacked.chunk(4)
    return torch.cat([i, f, o, g])


def test_attention_is_the_softmax_of_scaled_products() -> None:
    q, k, v = tensor(1, 2, 3, 4), tensor(1, 2, 5, 4, seed=1), tensor(1, 2, 5, 6, seed=2)
    mask = torch.tensor([True, True, False, True, False])
    found = evaluate("scaled_dot_product_attention", 18, query=q, key=k, value=v, attn_mask=mask)
    scores = (q @ k.mT / 2).masked_fill(~mask, -torch.inf)
    close(found, scores.softmax(-1) @ v)


def test_top_k_and_arg_ops_take_the_first_of_equals() -> None:
    x = torch.tensor([[3.0, 1.0, 3.0, 2.0]])
    values, places = evaluate("topk", x=x, k=3, axis=1)
    assert values.tolist() == [[3, 3, 2]]
    assert places.tolist() == [[0, 2, 3]]
    assert evaluate("reduce_argmax", x=x, axis=1, dtype="int32").tolist() == [0]
    assert evaluate("argsort", x=x, axis=1, ascending=True, dtype="int32").tolist() == [
        [1, 3, 0, 2]
    ]


def test_epsilons_are_mils_also_where_torch_has_none() -> None:
    """coremltools gives torch.reciprocal no epsilon, so that a device adds the default one."""
    assert_allclose(evaluate("inverse", x=torch.tensor([0.01])).item(), 1 / 0.0101, rtol=1e-6)
    assert_allclose(evaluate("rsqrt", x=torch.tensor([0.0])).item(), 1e6, rtol=1e-6)


def test_integers_divide_and_cast_towards_zero() -> None:
    x, y = torch.tensor([7, -7]), torch.tensor([2, 2])
    assert evaluate("real_div", x=x, y=y, dtype="int32").tolist() == [3, -3]
    assert evaluate("floor_div", x=x, y=y, dtype="int32").tolist() == [3, -4]
    assert evaluate("mod", x=x, y=y, dtype="int32").tolist() == [1, 1]
    assert evaluate("cast", x=torch.tensor([1.9, -1.9]), dtype="int32").tolist() == [1, -1]


def test_an_op_is_computed_by_one_function() -> None:
    with pytest.raises(ValueError, match="conv is computed"):
        evaluates("conv")(OPS["conv"].evaluate)
