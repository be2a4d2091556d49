"""Precisions, calibration, refusals, and what a file looks like inside."""

from __future__ import annotations

import re

import numpy as np
import onnx
import pytest
import scipy.special
from graphs import interpreted, model, random_sample, reference
from onnx import helper

from edgebench.converters import layers
from edgebench.converters.lowering.names import scopes
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.rounding import ROUNDINGS
from edgebench.converters.tflite import inspect, quantise, target
from edgebench.converters.tflite.convert import convert, convert_all
from edgebench.converters.tflite.lower import lower
from edgebench.converters.tflite.ops.error_function import erf
from edgebench.converters.tflite.precisions import PRECISIONS
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.values import file_values
from edgebench.errors import (
    DataError,
    InvalidFileError,
    UnknownNameError,
    UnsupportedModelError,
)
from edgebench.snr import snr_db

RNG = np.random.default_rng(0)


def classifier(dead: bool = False) -> onnx.ModelProto:
    """Conv, squeeze-and-excite, mean, linear; `dead` silences the squeeze for good."""

    def weight(*shape: int) -> np.ndarray:
        return RNG.standard_normal(shape, dtype=np.float32) * 0.3

    weights = {
        "w": weight(8, 3, 3, 3),
        "b": weight(8),
        "down": weight(4, 8, 1, 1),
        "down_b": np.full(4, -50 if dead else 0.5, np.float32),
        "up": weight(8, 4, 1, 1),
        "fc": weight(5, 8),
        "zero": np.array(0, np.float32),
        "six": np.array(6, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], "stem", strides=[2, 2], pads=[1] * 4),
        helper.make_node("Clip", ["c", "zero", "six"], ["r"], "relu6"),
        helper.make_node("GlobalAveragePool", ["r"], ["m"], "squeeze"),
        helper.make_node("Conv", ["m", "down", "down_b"], ["d"], "down"),
        helper.make_node("Relu", ["d"], ["dr"], "relu"),
        helper.make_node("Conv", ["dr", "up"], ["u"], "up"),
        helper.make_node("Sigmoid", ["u"], ["g"], "gate"),
        helper.make_node("Mul", ["r", "g"], ["a"], "scale"),
        helper.make_node("GlobalAveragePool", ["a"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "fc"], ["logits"], "linear", transB=1),
    ]
    return model(nodes, {"x": (1, 3, 16, 16)}, ["logits"], weights)


@pytest.fixture(scope="module")
def source() -> onnx.ModelProto:
    return classifier()


@pytest.fixture(scope="module")
def files(source: onnx.ModelProto) -> dict[str, bytes]:
    samples = [random_sample(source, seed) for seed in range(16)]
    return convert_all(source, PRECISIONS, samples)


# Decibels of signal over the error against ONNX Runtime, about half of what each reaches.
LEAST_SNR = {"fp32": 100, "fp16": 45, "dynamic": 25, "int8": 20, "int8f": 20, "int16x8": 30}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_computes_the_model(precision, source, files) -> None:
    sample = random_sample(source, 3)
    want = reference(source, sample)[0]
    got = interpreted(files[precision], source, sample)[0]
    assert (snr_db(want, got) or np.inf) > LEAST_SNR[precision]


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", "float32"), ("int8", "int8"), ("int8f", "float32"), ("int16x8", "float32")],
)
def test_inputs_and_outputs_have_the_precisions_type(precision, dtype, files) -> None:
    found = inspect.summary(files[precision])
    assert {tensor.dtype for tensor in (*found.inputs, *found.outputs)} == {dtype}
    assert all((t.quantization is not None) == (dtype == "int8") for t in found.inputs)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "dynamic", "int8", "int8f"])
def test_the_file_is_one_partition_without_transposes(precision, files) -> None:
    found = inspect.summary(files[precision])
    assert (found.transposes, found.partitions, found.outside) == (0, 1, {})


def test_depthwise_layers_stay_in_the_partition_of_a_dynamic_file() -> None:
    weights = {
        "w": RNG.standard_normal((128, 1, 3, 3), dtype=np.float32),
        "v": RNG.standard_normal((64, 128, 1, 1), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["d"], group=128, pads=[1] * 4),
        helper.make_node("Conv", ["d", "v"], ["y"]),
    ]
    made = model(nodes, {"x": (1, 128, 8, 8)}, ["y"], weights)
    file = convert(made, "dynamic")
    assert inspect.summary(file).partitions == 1
    sample = random_sample(made)
    want, got = reference(made, sample)[0], interpreted(file, made, sample)[0]
    assert np.square(got - want).sum() < 1e-4 * np.square(want).sum()


def test_int8_weights_are_per_channel(files) -> None:
    made = inspect.interpreter(files["int8"], **inspect.without_delegates())
    scales = [len(d["quantization_parameters"]["scales"]) for d in made.get_tensor_details()]
    assert 8 in scales


def test_a_layer_that_never_moves_does_not_break_int8() -> None:
    source = classifier(dead=True)
    samples = [random_sample(source, seed) for seed in range(4)]
    assert inspect.summary(convert(source, "int8", samples)).partitions == 1


def test_an_unknown_precision_lists_the_known_ones(source) -> None:
    with pytest.raises(UnknownNameError, match="tflite precision 'int7'") as caught:
        convert(source, "int7")
    assert "int16x8" in caught.value.remedy


def test_int8_without_calibration_data_is_refused(source) -> None:
    with pytest.raises(DataError, match="int8 needs calibration data"):
        convert(source, "int8", [])


def test_calibration_data_must_fit(source) -> None:
    with pytest.raises(DataError, match="not the input 'x'"):
        convert(source, "int8", [{"image": np.zeros((1, 3, 16, 16), np.float32)}])
    with pytest.raises(DataError, match=re.escape("(1, 3, 8, 8) does not fit")):
        convert(source, "int8", [{"x": np.zeros((1, 3, 8, 8), np.float32)}])


def test_all_nodes_that_cannot_be_carried_are_named_at_once() -> None:
    nodes = [
        helper.make_node("Det", ["x"], ["a"], "first"),
        helper.make_node("NonZero", ["x"], ["b"], "second"),
        helper.make_node("Relu", ["x"], ["r"], "fine"),
        helper.make_node("CumSum", ["r", "axis"], ["y"], "third"),
    ]
    made = model(nodes, {"x": (1, 2, 3, 3)}, ["a", "b", "y"], {"axis": np.array(1)})
    with pytest.raises(UnsupportedModelError) as caught:
        lower(made)
    text = caught.value.message
    assert "first (ai.onnx::Det, opset 17)" in text
    assert "second (ai.onnx::NonZero" in text
    assert "fine" not in text


def test_an_op_without_an_int16_kernel_is_named() -> None:
    made = model([helper.make_node("Floor", ["x"], ["y"])], {"x": (1, 2, 3, 3)}, ["y"])
    with pytest.raises(UnsupportedModelError, match=r"int16x8.*'FLOOR'") as caught:
        convert(made, "int16x8", [random_sample(made)])
    assert "Warning" not in caught.value.message


def test_arithmetic_on_narrow_integers_is_refused() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["c"], to=onnx.TensorProto.INT8),
        helper.make_node("Equal", ["c", "c"], ["e"], "same"),
        helper.make_node("Cast", ["e"], ["y"], to=onnx.TensorProto.FLOAT),
    ]
    made = model(nodes, {"x": (1, 2, 3, 3)}, ["y"], opset=19)
    with pytest.raises(UnsupportedModelError, match=r"same .*computes with int8 only"):
        lower(made)


def test_an_op_of_another_domain_is_named_with_it() -> None:
    node = helper.make_node("Inverse", ["x"], ["y"], "inv", domain="com.example")
    graph = helper.make_graph(
        [node],
        "test",
        [helper.make_tensor_value_info("x", 1, [2, 2])],
        [helper.make_tensor_value_info("y", 1, [2, 2])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    with pytest.raises(UnsupportedModelError, match=r"com\.example::Inverse, opset 1"):
        lower(helper.make_model(graph, opset_imports=opsets))


def test_a_dynamic_shape_is_refused() -> None:
    made = model([helper.make_node("Relu", ["x"], ["y"])], {"x": ("n", 2)}, ["y"])
    with pytest.raises(UnsupportedModelError, match="shape of 'x' is not fixed"):
        lower(made)


def test_inputs_and_outputs_keep_onnx_sequence_and_names() -> None:
    nodes = [
        helper.make_node("Sub", ["z", "a.1"], ["out.b"]),
        helper.make_node("Add", ["m", "z"], ["out.a"]),
    ]
    made = model(nodes, {"z": (2, 3), "m": (2, 3), "a.1": (2, 3)}, ["out.b", "out.a"])
    found = inspect.summary(convert(made, "fp32"))
    assert [t.key for t in found.inputs] == ["z", "m", "a_1"]
    assert [t.key for t in found.outputs] == ["out_b", "out_a"]
    sample = random_sample(made)
    for got, want in zip(
        interpreted(convert(made, "fp32"), made, sample), reference(made, sample), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_scopes_are_distinct_whatever_the_names() -> None:
    found = scopes(["a.b", "a/b", "A_b", "1", "", "x"], taken=["x"])
    assert len({name.lower() for name in found.values()}) == 6
    assert all(re.fullmatch(r"[A-Za-z]\w*", name) for name in found.values())


def test_erf_is_exact_to_float32() -> None:
    from scipy.special import erf as exact

    x = np.linspace(-6, 6, 10001, dtype=np.float32)
    np.testing.assert_allclose(erf(x), exact(x.astype(np.float64)), rtol=0, atol=2.5e-7)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04rubbish", b"\x1c\0\0\0TFL3" + b"\xff" * 200])
def test_foreign_and_corrupt_files_are_refused(content, tmp_path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(InvalidFileError):
        inspect.summary(path)


def test_a_truncated_file_is_refused(files) -> None:
    with pytest.raises(InvalidFileError):
        inspect.summary(files["fp32"][: len(files["fp32"]) // 2])


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(InvalidFileError, match="cannot read"):
        inspect.summary(tmp_path / "none.tflite")


def layers_of(model: onnx.ModelProto, file: bytes, precision: str) -> list[layers.Layer]:
    inputs = [random_sample(model, seed) for seed in (3, 4)]
    return layers.compare(model, inputs, file_values(model, file, inputs), ROUNDINGS[precision])


def test_layers_agree_in_fp32_and_come_in_sequence(source, files) -> None:
    found = layers_of(source, files["fp32"], "fp32")
    assert [one.value for one in found] == ["r", "m", "dr", "u", "g", "a", "p", "logits"]
    assert max(one.max_abs_error for one in found) < 1e-4


def test_a_layer_that_differs_is_wrong_and_no_layer_after_it(source, files) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(source)
    up = next(w for w in other.graph.initializer if w.name == "up")
    up.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(up) * 1.1, "up"))
    found = layers_of(other, files["fp32"], "fp32")
    assert [one.node for one in found if not one.right] == ["up"]
    assert next(one.node for one in found if one.total_db < 60) == "up"
    assert len([one for one in found if one.total_db < 60]) > 1


@pytest.mark.parametrize("precision", ["fp32", "int8f"])
def test_a_gelu_whose_parts_others_use_too_is_converted(precision: str) -> None:
    """A branch that halves the same map: TensorFlow's converter then knows no GELU."""
    nodes = [
        helper.make_node("Gelu", ["x"], ["g"]),
        helper.make_node("Mul", ["x", "half"], ["h"]),
        helper.make_node("Add", ["g", "h"], ["y"]),
    ]
    made = model(nodes, {"x": (1, 4, 5, 6)}, ["y"], {"half": np.float32(0.5)}, opset=20)
    samples = [random_sample(made, seed) for seed in range(8)]
    file = convert(made, precision, samples)
    (found,) = interpreted(file, made, samples[0])
    x = samples[0]["x"]
    wanted = x * (1 + scipy.special.erf(x / np.sqrt(2))) / 2 + x / 2
    np.testing.assert_allclose(found, wanted, atol=1e-5 if precision == "fp32" else 0.1)


@pytest.mark.parametrize("precision", ["fp16", "int8", "int8f", "int16x8"])
def test_layers_are_off_by_what_their_rounding_does(source, files, precision: str) -> None:
    found = layers_of(source, files[precision], precision)
    assert len(found) >= 6
    for one in found:
        assert one.own_db > min(60, one.rounding_db - 6), one
    assert any(one.own_db < 80 for one in found)


@pytest.mark.parametrize("shared", ["weights and bias", "the bias", "equal biases"])
@pytest.mark.parametrize("precision", ["int8", "int8f", "int16x8"])
def test_layers_that_share_constants_are_right(precision: str, shared: str) -> None:
    """As CBAM's MLP on the means and on the maxima, which are of another size."""
    weights = {name: RNG.standard_normal((6, 4, 1, 1), dtype=np.float32) for name in ("w", "v")}
    weights["b"] = RNG.standard_normal(6, dtype=np.float32)
    weights |= {"e": weights["b"].copy(), "twenty": np.float32(20)}
    w = "w" if shared == "weights and bias" else "v"
    b = "e" if shared == "equal biases" else "b"
    nodes = [
        helper.make_node("Mul", ["x", "twenty"], ["large"]),
        helper.make_node("Conv", ["x", "w", "b"], ["one"], "one"),
        helper.make_node("Conv", ["large", w, b], ["other"], "other"),
        helper.make_node("Relu", ["one"], ["y"]),
        helper.make_node("Relu", ["other"], ["z"]),
    ]
    made = model(nodes, {"x": (1, 4, 5, 6)}, ["y", "z"], weights)
    file = convert(made, precision, [random_sample(made, seed) for seed in range(8)])
    found = layers_of(made, file, precision)
    assert len(found) >= 2
    assert layers.first_wrong(found) is None, layers.first_difference(found)


def test_a_residual_branch_has_its_own_range() -> None:
    """The runtime writes the sum over its first operand, whose range is not that of the sum."""
    weights = {name: RNG.standard_normal((4, 4, 3, 3), dtype=np.float32) for name in ("w", "v")}
    weights["v"] *= 5
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["branch"], "branch", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["x", "v"], ["other"], "other", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["branch", "other"], ["sum"]),
        helper.make_node("Conv", ["sum", "w"], ["y"], "last", pads=[1, 1, 1, 1]),
    ]
    made = model(nodes, {"x": (1, 4, 5, 6)}, ["y"], weights)
    inputs = [random_sample(made, seed) for seed in range(8)]
    (found,) = file_values(made, convert(made, "int8", inputs), inputs[:1])
    branch = np.stack([layers.values(made, one)["branch"] for one in inputs])
    low, high = min(branch.min(), 0), max(branch.max(), 0)
    assert float(found["branch"].step) == pytest.approx((high - low) / 255, rel=0.02)


def test_a_map_keeps_its_range_beside_its_maxima() -> None:
    """As in triplet attention: the maxima have a narrower range than the map that others read."""
    weights = {"w": RNG.standard_normal((6, 4, 3, 3), dtype=np.float32)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["map"], "map", pads=[1, 1, 1, 1])]
    for axis in (1, 2, 3):
        turned = [0, axis, *(other for other in (1, 2, 3) if other != axis)]
        weights |= {
            f"axis{axis}": np.array([axis]),
            f"v{axis}": RNG.standard_normal((1, 2, 3, 3), dtype=np.float32),
        }
        high, mean, both, first, gate, open_, back = (f"{name}{axis}" for name in "hmbfgok")
        nodes += [
            helper.make_node("ReduceMax", ["map", f"axis{axis}"], [high]),
            helper.make_node("ReduceMean", ["map", f"axis{axis}"], [mean]),
            helper.make_node("Concat", [high, mean], [both], axis=axis),
            helper.make_node("Transpose", [both], [first], perm=turned),
            helper.make_node("Conv", [first, f"v{axis}"], [gate], pads=[1, 1, 1, 1]),
            helper.make_node("Sigmoid", [gate], [open_]),
            helper.make_node("Transpose", [open_], [back], perm=list(np.argsort(turned))),
            helper.make_node("Mul", ["map", back], [f"y{axis}"]),
        ]
    made = model(nodes, {"x": (1, 4, 8, 9)}, ["y1", "y2", "y3"], weights, opset=18)
    file = convert(made, "int8f", [random_sample(made, seed) for seed in range(8)])
    found = layers_of(made, file, "int8f")
    assert "map" in {one.node for one in found}
    assert layers.first_wrong(found) is None, layers.first_difference(found)


def test_what_becomes_infinite_in_calibration_is_named() -> None:
    made = model([helper.make_node("Exp", ["x"], ["y"], "grow")], {"x": (1, 4, 5, 6)}, ["y"])
    sample = {"x": np.full((1, 4, 5, 6), 1e3, np.float32)}
    with pytest.raises(UnsupportedModelError, match="becomes infinite"):
        convert(made, "int8", [sample])


def test_what_the_runtime_cannot_run_is_named() -> None:
    """TensorFlow's quantiser gives 16 bits to an op that LiteRT has no such kernel for."""
    shape = (1, 5, 6, 4)

    def difference(x: tf.Tensor) -> tf.Tensor:
        return tf.math.squared_difference(x, tf.reduce_mean(x, -1, keepdims=True))

    function = tf.function(difference, input_signature=[tf.TensorSpec(shape)])
    concrete = function.get_concrete_function()
    in_float = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    samples = [[np.random.default_rng(seed).random(shape, np.float32)] for seed in range(8)]
    file = quantise.in_sixteen_bits(
        quantise.calibrated(in_float, quantise.observe(in_float, samples))
    )
    made = inspect.interpreter(file, **inspect.without_delegates())
    with pytest.raises(UnsupportedModelError, match="cannot run it: SquaredDifference only"):
        inspect.invoke(made)


def test_a_layer_norm_runs_in_sixteen_bits() -> None:
    """Its squares are products, which LiteRT has a kernel for."""
    weights = {"s": np.ones(6, np.float32), "b": np.zeros(6, np.float32)}
    nodes = [helper.make_node("LayerNormalization", ["x", "s", "b"], ["y"], "norm", axis=-1)]
    made = model(nodes, {"x": (1, 4, 5, 6)}, ["y"], weights)
    inputs = [random_sample(made, seed) for seed in range(8)]
    file = convert(made, "int16x8", inputs)
    opened = target.open_converted(OnnxGraph(made, "norm", "file", ""), file)
    (found,) = opened.run(inputs[0])
    np.testing.assert_allclose(found, reference(made, inputs[0])[0], atol=0.01)
