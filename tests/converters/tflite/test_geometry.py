"""Windows, slices and pads of every geometry, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
from graphs import interpreted, lowered, model, random_sample, reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper

from edgebench.converters.tflite.convert import convert

few = settings(max_examples=40, deadline=None)
pair = st.tuples(st.integers(1, 3), st.integers(1, 3))


def agrees(made, tolerance: float = 1e-5, run=lowered) -> None:
    sample = random_sample(made)
    for got, want in zip(run(made, sample), reference(made, sample), strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@few
@given(
    size=st.tuples(st.integers(7, 9), st.integers(7, 9)),
    kernel=pair,
    stride=pair,
    dilation=pair,
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    depthwise=st.booleans(),
    auto_pad=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
)
def test_conv(size, kernel, stride, dilation, pads, depthwise, auto_pad) -> None:
    assume(auto_pad == "NOTSET" or dilation == (1, 1))  # ONNX Runtime's condition
    rng = np.random.default_rng(0)
    shape = (6, 1, *kernel) if depthwise else (4, 3, *kernel)
    attributes = {"pads": pads} if auto_pad == "NOTSET" else {"auto_pad": auto_pad}
    node = helper.make_node(
        "Conv",
        ["x", "w", "b"],
        ["y"],
        strides=stride,
        dilations=dilation,
        group=3 if depthwise else 1,
        **attributes,
    )
    weights = {
        "w": rng.standard_normal(shape, dtype=np.float32),
        "b": rng.standard_normal(shape[0], dtype=np.float32),
    }
    made = model([node], {"x": (2, 3, *size)}, ["y"], weights)
    # TensorFlow's own CPU kernels do not know all of these geometries; TFLite's do.
    agrees(made, run=lambda m, sample: interpreted(convert(m, "fp32"), m, sample))


@few
@given(
    size=st.tuples(st.integers(2, 5), st.integers(2, 5)),
    kernel=pair,
    stride=pair,
    dilation=pair,
    pads=st.lists(st.integers(0, 1), min_size=4, max_size=4),
    groups=st.sampled_from([1, 2]),
    data=st.data(),
)
def test_conv_transpose(size, kernel, stride, dilation, pads, groups, data) -> None:
    extra = [
        data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
    ]
    extra = [min(e, s - 1) for e, s in zip(extra, stride, strict=True)]
    full = [
        s * (n - 1) + (k - 1) * d + 1 + e - pads[i] - pads[i + 2]
        for i, (s, n, k, d, e) in enumerate(zip(stride, size, kernel, dilation, extra, strict=True))
    ]
    assume(min(full) > 0)
    node = helper.make_node(
        "ConvTranspose",
        ["x", "w"],
        ["y"],
        strides=stride,
        dilations=dilation,
        pads=pads,
        output_padding=extra,
        group=groups,
    )
    w = np.random.default_rng(0).standard_normal((4, 3, *kernel), dtype=np.float32)
    agrees(model([node], {"x": (1, 4, *size)}, ["y"], {"w": w}))


@few
@given(
    op=st.sampled_from(["MaxPool", "AveragePool"]),
    size=st.tuples(st.integers(4, 9), st.integers(4, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=pair,
    pads=st.lists(st.integers(0, 3), min_size=4, max_size=4),
    ceil=st.booleans(),
    include_pad=st.booleans(),
    positive=st.booleans(),
)
def test_pools(op, size, kernel, stride, pads, ceil, include_pad, positive) -> None:
    assume(all(pads[i] < kernel[i] and pads[i + 2] < kernel[i] for i in (0, 1)))
    attributes = {"count_include_pad": int(include_pad)} if op == "AveragePool" else {}
    node = helper.make_node(
        op,
        ["r" if positive else "x"],
        ["y"],
        kernel_shape=kernel,
        strides=stride,
        pads=pads,
        ceil_mode=int(ceil),
        **attributes,
    )
    before = [helper.make_node("Relu", ["x"], ["r"])] if positive else []
    agrees(model([*before, node], {"x": (1, 2, *size)}, ["y"]))


def spans(extent: int) -> st.SearchStrategy[tuple[int, int, int]]:
    """Start, end and step of a slice that leaves something, ends out of bounds included."""
    bound = st.integers(-extent - 3, extent + 3)
    step = st.sampled_from([-3, -2, -1, 1, 2, 3])
    return st.tuples(bound, bound, step).filter(lambda span: len(_picked(extent, *span)) > 0)


def _picked(extent: int, start: int, end: int, step: int) -> range:
    return range(extent)[start : None if step < 0 and end < -extent else end : step]


@few
@given(st.tuples(spans(4), spans(5), spans(6)))
def test_slice(chosen) -> None:
    starts, ends, steps = zip(*chosen, strict=True)
    weights = {
        "starts": np.array(starts),
        "ends": np.array(ends),
        "axes": np.array([1, -2, 3]),
        "steps": np.array(steps),
    }
    node = helper.make_node("Slice", ["x", *weights], ["y"])
    agrees(model([node], {"x": (1, 4, 5, 6)}, ["y"], weights))


@few
@given(
    pads=st.lists(st.integers(-1, 3), min_size=6, max_size=6),
    mode=st.sampled_from(["constant", "reflect", "edge"]),
    value=st.sampled_from([0.0, 1.5]),
)
def test_pad(pads, mode, value) -> None:
    assume(mode == "constant" or min(pads) >= 0)  # ONNX Runtime's condition
    weights = {
        "pads": np.array(pads),
        "value": np.array(value, np.float32),
        "axes": np.array([1, 2, -1]),
    }
    node = helper.make_node("Pad", ["x", *weights], ["y"], mode=mode)
    agrees(model([node], {"x": (1, 4, 5, 6)}, ["y"], weights, opset=19))


@few
@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    mode=st.sampled_from(["nearest", "linear"]),
    coordinates=st.sampled_from(
        ["asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"]
    ),
    rounding=st.sampled_from(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]),
)
def test_resize(sizes, mode, coordinates, rounding) -> None:
    assume(mode == "linear" or coordinates != "pytorch_half_pixel")
    node = helper.make_node(
        "Resize",
        ["x", "", "", "sizes"],
        ["y"],
        mode=mode,
        coordinate_transformation_mode=coordinates,
        nearest_mode=rounding,
    )
    agrees(model([node], {"x": (1, 2, 4, 6)}, ["y"], {"sizes": np.array([1, 2, *sizes])}), 1e-4)


@few
@given(st.data())
def test_shapes_and_broadcasts_in_a_chain(data) -> None:
    """Random chains of ops that change order and shape keep every element in its place."""
    shape, nodes, weights, name = (2, 3, 4, 5), [], {}, "x"
    for i in range(data.draw(st.integers(1, 5))):
        kind = data.draw(st.sampled_from(["Transpose", "Reshape", "Add", "Conv", "Relu"]))
        out = f"v{i}"
        if kind == "Transpose":
            perm = data.draw(st.permutations(range(len(shape))))
            nodes.append(helper.make_node(kind, [name], [out], perm=perm))
            shape = tuple(shape[axis] for axis in perm)
        elif kind == "Reshape":
            cut = data.draw(st.integers(1, max(1, len(shape) - 1)))
            merged = (*shape[: cut - 1], int(np.prod(shape[cut - 1 : cut + 1])), *shape[cut + 1 :])
            shape = merged if data.draw(st.booleans()) else (*shape[:cut], 1, *shape[cut:])
            shape = shape if len(shape) <= 5 else merged
            weights[f"s{i}"] = np.array(shape)
            nodes.append(helper.make_node(kind, [name, f"s{i}"], [out]))
        elif kind == "Add":
            axis = data.draw(st.integers(0, len(shape) - 1))
            vector = np.arange(shape[axis], dtype=np.float32)
            weights[f"c{i}"] = vector.reshape([-1] + [1] * (len(shape) - 1 - axis))
            nodes.append(helper.make_node(kind, [name, f"c{i}"], [out]))
        elif kind == "Conv" and len(shape) == 4:
            weights[f"w{i}"] = np.ones((2, shape[1], 1, 1), np.float32)
            nodes.append(helper.make_node(kind, [name, f"w{i}"], [out]))
            shape = (shape[0], 2, *shape[2:])
        else:
            nodes.append(helper.make_node("Relu", [name], [out]))
        name = out
    agrees(model(nodes, {"x": (2, 3, 4, 5)}, [name], weights), 1e-4)
