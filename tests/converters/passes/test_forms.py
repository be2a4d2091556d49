"""Every pass keeps the function, does what it is for, and keeps off what it does not know."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import pytest
from form_graphs import build, coordinate, error, form, ops, plain, squeeze_excite, weights
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import EXPORT
from onnx import helper

from edgebench import cli
from edgebench.content import read_content
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.passes.bisect import first_wrong_pass
from edgebench.converters.passes.boxes_in_float import boxes_in_float
from edgebench.converters.passes.filter_strips import filter_strips
from edgebench.converters.passes.gates_in_float import gates_in_float
from edgebench.converters.passes.graph import without_twins
from edgebench.converters.passes.pad_squeezes import pad_squeezes
from edgebench.converters.passes.part_strips import part_strips
from edgebench.converters.passes.pipelines import PIPELINES, Pipeline, formed, pipeline_of
from edgebench.converters.passes.pool_means import pool_means
from edgebench.converters.passes.sink_transposes import sink_transposes
from edgebench.converters.passes.squeeze_first import squeeze_first
from edgebench.converters.passes.widen_gates import widen_gates
from edgebench.converters.targets import FORMATS, Target

REWRITES = (*(filter_strips, pad_squeezes, part_strips, pool_means, sink_transposes, widen_gates),)
EVERY_PASS = {each.__name__: each for one in PIPELINES.values() for each in one.passes}
ROUNDING = 2e-6


@pytest.mark.parametrize("rewrite", REWRITES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("block", [coordinate, squeeze_excite])
def test_a_pass_keeps_the_function(rewrite, block) -> None:
    before = block()
    assert error(before, form(before, rewrite).graph.model) < ROUNDING


@given(
    channels=st.integers(1, 20),
    squeezed=st.integers(1, 20),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    target=st.sampled_from(sorted(PIPELINES)),
)
@settings(max_examples=25, deadline=None)
def test_a_targets_pipeline_keeps_the_function_at_any_size(
    channels, squeezed, height, width, target
) -> None:
    before = coordinate(channels, squeezed, height, width)
    after = formed(OnnxGraph(before, "block", "file", ""), PIPELINES[target]).graph.model
    assert error(before, after) < ROUNDING


@pytest.mark.parametrize("name", EVERY_PASS)
@pytest.mark.parametrize("block", [coordinate, squeeze_excite])
def test_a_pass_finds_nothing_left_the_second_time(name, block) -> None:
    once = form(block(), EVERY_PASS[name]).graph.model
    assert form(once, EVERY_PASS[name]).passes == ()


@pytest.mark.parametrize("name", PIPELINES)
def test_a_graph_without_attention_is_returned_as_it_is(name) -> None:
    graph = OnnxGraph(plain(), "block", "file", "")
    text = graph.model.SerializeToString(deterministic=True)
    found = formed(graph, PIPELINES[name])
    assert found.graph is graph
    assert found.passes == ()
    assert graph.model.SerializeToString(deterministic=True) == text


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_works_on_a_copy(name) -> None:
    before = coordinate()
    text = before.SerializeToString(deterministic=True)
    formed(OnnxGraph(before, "block", "file", ""), PIPELINES[name])
    assert before.SerializeToString(deterministic=True) == text


def test_means_become_pools_of_their_size() -> None:
    after = form(coordinate(height=5, width=7), pool_means).graph.model
    kernels = [
        list(node.attribute[0].ints) for node in after.graph.node if node.op_type == "AveragePool"
    ]
    assert kernels == [[1, 7], [5, 1]]
    assert ops(form(squeeze_excite(), pool_means).graph.model)["GlobalAveragePool"] == 1


def test_strip_means_become_filters_and_the_global_mean_stays() -> None:
    after = form(coordinate(), filter_strips).graph.model
    assert ops(after)["ReduceMean"] == 0
    assert ops(after)["Conv"] == ops(coordinate())["Conv"] + 2
    assert form(squeeze_excite(), filter_strips).passes == ()


def test_parted_strips_need_no_concat_no_split_and_no_transpose() -> None:
    found = form(coordinate(), part_strips, sink_transposes)
    left = ops(found.graph.model)
    assert found.passes == ("part_strips", "sink_transposes")
    assert not {"Concat", "Split", "Transpose"} & left.keys()
    assert left["Conv"] == ops(coordinate())["Conv"] + 1


def test_parted_convolutions_share_their_weights() -> None:
    after = form(coordinate(), part_strips).graph.model
    readers = [node for node in after.graph.node if "squeeze" in node.input]
    assert len(readers) == 2
    assert len({node.name for node in after.graph.node}) == len(after.graph.node)


def test_a_squeeze_that_both_strips_share_is_taken_once_before_them() -> None:
    before = coordinate(12, 6)
    found = form(before, part_strips, sink_transposes, squeeze_first)
    assert error(before, found.graph.model) < ROUNDING
    convs = [node for node in found.graph.model.graph.node if "squeeze" in node.input]
    means = [node for node in found.graph.model.graph.node if node.op_type == "ReduceMean"]
    assert [node.input[0] for node in convs] == ["map"]
    assert [node.input[0] for node in means] == [convs[0].output[0]] * 2


@pytest.mark.parametrize(("squeezed", "own"), [(12, False), (6, True)])
def test_a_squeeze_that_narrows_nothing_or_is_not_shared_stays(squeezed, own) -> None:
    nodes = [
        ("ReduceMean", ["x", "three"], ["rows"], {}),
        ("ReduceMean", ["x", "two"], ["columns"], {}),
        ("Conv", ["rows", "w"], ["y"], {}),
        ("Conv", ["columns", "v" if own else "w"], ["z"], {}),
    ]
    constants = {
        "three": np.array([3]),
        "two": np.array([2]),
        "w": weights(squeezed, 12, 1, 1),
        "v": weights(squeezed, 12, 1, 1),
    }
    made = build(nodes, {"x": (1, 12, 5, 7)}, ["y", "z"], constants)
    assert form(made, squeeze_first).passes == ()


def test_a_widened_gate_has_the_maps_shape() -> None:
    after = form(coordinate(), widen_gates).graph.model
    shapes = {
        info.name: [d.dim_value for d in info.type.tensor_type.shape.dim]
        for info in after.graph.value_info
    }
    for node in after.graph.node:
        if node.op_type == "Mul":
            assert shapes[node.input[0]] == shapes[node.input[1]]


@pytest.mark.parametrize(("squeezed", "wanted"), [(3, 8), (6, 8), (8, 8), (9, 16)])
def test_squeezes_are_filled_up_to_whole_vectors(squeezed, wanted) -> None:
    after = form(squeeze_excite(20, squeezed), pad_squeezes).graph.model
    shapes = {w.name: list(w.dims) for w in after.graph.initializer}
    convs = [node for node in after.graph.node if node.op_type == "Conv"]
    assert [shapes[node.input[1]][:2] for node in convs] == [[wanted, 20], [20, wanted]]


def test_dead_constants_go_with_their_readers() -> None:
    after = form(coordinate(), pool_means, part_strips).graph.model
    assert not {"two", "three", "sizes"} & {w.name for w in after.graph.initializer}


def _mean(axes: list[int], keep: int, shape: tuple[int | str, ...]) -> onnx.ModelProto:
    constants = {"axes": np.array(axes)}
    return build(
        [("ReduceMean", ["x", "axes"], ["y"], {"keepdims": keep})], {"x": shape}, ["y"], constants
    )


@pytest.mark.parametrize("rewrite", [pool_means, filter_strips])
@pytest.mark.parametrize(
    "model",
    [
        _mean([3], 0, (1, 4, 5, 6)),
        _mean([1], 1, (1, 4, 5, 6)),
        _mean([1, 3], 1, (1, 4, 5, 6)),
        _mean([2], 1, (1, 4, 5)),
        _mean([3], 1, (1, 4, 5, "width")),
    ],
    ids=["rank lost", "channels", "channels too", "a line", "unknown width"],
)
def test_means_that_are_no_strips_stay(rewrite, model) -> None:
    assert form(model, rewrite).passes == ()


def _strips(
    sizes: list[int], op: str = "Relu", axis: int = 2, outputs: tuple[str, ...] = ("y", "z")
) -> onnx.ModelProto:
    shape = (1, 4, 3, 1) if axis == 2 else (1, 3, 4, 1)
    nodes = [
        ("Concat", ["a", "b"], ["joined"], {"axis": axis}),
        ("Conv", ["joined", "w"], ["wide"], {})
        if axis == 2
        else ("Relu", ["joined"], ["wide"], {}),
        (op, ["wide"], ["active"], {"axis": axis} if op == "Softmax" else {}),
        ("Split", ["active", "sizes"], ["y", "z"], {"axis": axis}),
    ]
    constants = {"w": weights(4, 4, 1, 1), "sizes": np.array(sizes)}
    return build(nodes, {"a": shape, "b": shape}, outputs, constants)


@pytest.mark.parametrize(
    "model",
    [
        _strips([2, 4]),
        _strips([3, 3], op="Softmax"),
        _strips([3, 3], outputs=("y", "z", "active")),
        _strips([3, 3], axis=1),
    ],
    ids=["cut elsewhere", "looks along the strip", "read from outside", "channels"],
)
def test_strips_that_are_more_than_strips_stay_together(model) -> None:
    assert form(model, part_strips).passes == ()


def test_strips_of_equal_cut_are_parted() -> None:
    before = _strips([3, 3])
    found = form(before, part_strips)
    assert found.passes == ("part_strips",)
    assert error(before, found.graph.model) < ROUNDING


@pytest.mark.parametrize(
    ("perms", "kernel"), [(((0, 1, 3, 2), (0, 3, 1, 2)), 1), (((0, 1, 3, 2), (0, 1, 3, 2)), 3)]
)
def test_transposes_that_a_convolution_sees_stay(perms, kernel) -> None:
    first, second = perms
    nodes = [
        ("Transpose", ["x"], ["a"], {"perm": first}),
        ("Conv", ["a", "w"], ["b"], {}),
        ("Transpose", ["b"], ["y"], {"perm": second}),
    ]
    constants = {"w": weights(4, 4, kernel, kernel)}
    assert form(build(nodes, {"x": (1, 4, 5, 6)}, ["y"], constants), sink_transposes).passes == ()


def test_a_gate_of_one_channel_and_a_constant_scale_are_not_widened() -> None:
    nodes = [("Mul", ["x", "plane"], ["a"], {}), ("Mul", ["a", "scale"], ["y"], {})]
    inputs = {"x": (1, 4, 5, 6), "plane": (1, 1, 5, 6)}
    made = build(nodes, inputs, ["y"], {"scale": weights(1, 4, 1, 1)})
    assert form(made, widen_gates).passes == ()


@pytest.mark.parametrize("reader", ["Sigmoid", "Softplus", "Add"])
def test_a_squeeze_that_others_read_is_not_filled_up(reader) -> None:
    """A sigmoid of zero is a half, and a sum looks at every channel."""
    nodes = [
        ("Conv", ["x", "down"], ["a"], {}),
        (reader, ["a", "a"] if reader == "Add" else ["a"], ["b"], {}),
        ("Conv", ["b", "up"], ["y"], {}),
    ]
    constants = {"down": weights(3, 12, 1, 1), "up": weights(12, 3, 1, 1)}
    made = build(nodes, {"x": (1, 12, 5, 6)}, ["y"], constants)
    assert form(made, pad_squeezes).passes == ()


def test_the_gates_that_stay_in_float_are_those_of_the_attention() -> None:
    nodes = {node.name for node in coordinate().graph.node}
    assert gates_in_float(coordinate()) == nodes - {"n_map", "n_y"}
    nodes = {node.name for node in squeeze_excite().graph.node}
    assert gates_in_float(squeeze_excite()) == nodes - {"n_map"}


def test_a_gate_from_elsewhere_is_quantised_like_the_rest() -> None:
    """What conditions a map may be a network of its own."""
    nodes = [("Sigmoid", ["condition"], ["gate"], {}), ("Mul", ["x", "gate"], ["y"], {})]
    made = build(nodes, {"x": (1, 4, 5, 6), "condition": (1, 4, 1, 1)}, ["y"], {})
    assert gates_in_float(made) == frozenset()


def test_gates_are_kept_in_float_in_the_form_and_named_among_its_passes() -> None:
    pipeline = pipeline_of(Target("openvino", "int8"))
    graph = OnnxGraph(coordinate(), "block", "file", "")
    found = formed(graph, pipeline)
    assert found.passes == pipeline.without(["boxes_in_float"]).names
    assert found.graph.float_nodes <= {node.name for node in found.graph.model.graph.node}
    assert not formed(graph, pipeline.without(["gates_in_float"])).graph.float_nodes


def test_a_pipeline_without_all_its_passes_is_the_plain_one() -> None:
    for pipeline in PIPELINES.values():
        assert pipeline.without(pipeline.names) == Pipeline()


def test_every_row_is_of_a_target_and_every_format_has_one() -> None:
    known = {str(Target(f, p)) for f, form_ in FORMATS.items() for p in form_.precisions}
    assert known | FORMATS.keys() >= PIPELINES.keys()
    assert {name.partition(":")[0] for name in PIPELINES} == FORMATS.keys()


@pytest.mark.parametrize("name", sorted({n for one in PIPELINES.values() for n in one.names}))
def test_a_pass_has_a_file_of_its_own_that_draws_before_and_after(name) -> None:
    text = sys.modules[f"edgebench.converters.passes.{name}"].__doc__ or ""
    assert ("before:" in text and "after:" in text) or ("int8:" in text and "float:" in text)


def yolo_head(after: str = "Identity") -> onnx.ModelProto:
    """Two convolutions give boxes in pixels and the logits of scores, which end in one output."""
    rng = np.random.default_rng(0)
    constants = {
        "w_box": rng.standard_normal((16, 8, 1, 1)),
        "w_class": rng.standard_normal((3, 8, 1, 1)),
        "bins": np.arange(4).reshape(1, 4, 1, 1),
        "stride": np.array(32.0),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w_box"], ["box"], "box"),
        helper.make_node("Conv", ["x", "w_class"], ["logits"], "logits"),
        helper.make_node("Reshape", ["box", "by_side"], ["sides"], "sides"),
        helper.make_node("Softmax", ["sides"], ["shares"], "shares", axis=1),
        helper.make_node("Conv", ["shares", "bins"], ["mean"], "mean"),
        helper.make_node("Reshape", ["mean", "as_box"], ["distances"], "distances"),
        helper.make_node("Mul", ["distances", "stride"], ["pixels"], "pixels"),
        helper.make_node("Reshape", ["logits", "as_class"], ["rows"], "rows"),
        helper.make_node("Sigmoid", ["rows"], ["scores"], "scores"),
        helper.make_node("Concat", ["pixels", "scores"], ["both"], "both", axis=1),
        helper.make_node(after, ["both"], ["y"], "end"),
    ]
    shapes = {"by_side": [1, 4, 4, 16], "as_box": [1, 4, 16], "as_class": [1, 3, 16]}
    tensors = [
        onnx.numpy_helper.from_array(array.astype(np.float32), name)
        for name, array in constants.items()
    ] + [onnx.numpy_helper.from_array(np.array(one), name) for name, one in shapes.items()]
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "head",
        [port("x", onnx.TensorProto.FLOAT, [1, 8, 4, 4])],
        [port("y", onnx.TensorProto.FLOAT, [1, 7, 16])],
        tensors,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return onnx.shape_inference.infer_shapes(made)


def test_what_a_detector_decodes_into_one_output_stays_in_float() -> None:
    decoded = {"sides", "shares", "mean", "distances", "pixels", "rows", "scores", "both", "end"}
    assert boxes_in_float(yolo_head()) == decoded
    # What computes with both is no end, and outputs of their own have scales of their own.
    assert boxes_in_float(yolo_head("Relu")) == frozenset()
    assert boxes_in_float(squeeze_excite()) == frozenset()


@pytest.mark.parametrize("to", ["tflite:int8", "onnx:int8", "openvino:int8"])
def test_int8_scores_survive_beside_pixels(tmp_path, to) -> None:
    onnx.save(yolo_head(), tmp_path / "head.onnx")
    samples = tmp_path / "samples"
    samples.mkdir()
    rng = np.random.default_rng(1)
    for number in range(16):
        np.savez(samples / f"{number}.npz", x=rng.standard_normal((1, 8, 4, 4), np.float32))
    words = [*EXPORT, str(tmp_path / "head.onnx"), "--to", to, "--calibration", str(samples)]
    assert cli.main([*words, "--out", str(tmp_path / "out"), "--ranges", "extremes"]) == 0
    format_name = to.partition(":")[0]
    graph = OnnxGraph(yolo_head(), "head", "file", "")
    (file,) = (one for one in (tmp_path / "out").glob("head.int8.*") if one.suffix != ".json")
    opened = FORMATS[format_name].load().open_converted(graph, read_content(file), True)
    sample = {"x": rng.standard_normal((1, 8, 4, 4), np.float32)}
    (wanted,) = reference.outputs(graph.model, [sample])[0]
    (found,) = opened.run(sample)
    assert np.abs(found - wanted)[0, :4].max() < 3  # of 96 pixels
    assert np.abs(found - wanted)[0, 4:].max() < 0.1


def test_strips_of_one_element_are_one_node() -> None:
    """Rows and columns of a map of one element are the same: TensorFlow keeps one of them."""
    before = coordinate(height=1, width=1)
    after = formed(OnnxGraph(before, "block", "file", ""), PIPELINES["tflite:int8"]).graph.model
    assert error(before, after) < ROUNDING
    made = [(n.op_type, *n.input, *sorted(map(str, n.attribute))) for n in after.graph.node]
    assert len(made) == len(set(made))
    # At two elements they are two.
    wide = formed(OnnxGraph(coordinate(height=2, width=2), "b", "file", ""), PIPELINES["onnx:fp32"])
    assert len(wide.graph.model.graph.node) > len(
        formed(OnnxGraph(before, "b", "file", ""), PIPELINES["onnx:fp32"]).graph.model.graph.node
    )


def test_what_draws_numbers_has_no_twin() -> None:
    nodes = [helper.make_node("RandomNormalLike", ["x"], [name]) for name in ("a", "b")]
    nodes += [helper.make_node("Relu", ["x"], [name]) for name in ("c", "d", "y2")]
    nodes += [helper.make_node("Sum", ["a", "b", "c", "d"], ["y"])]
    ports = [
        helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in ("x", "y", "y2")
    ]
    model = helper.make_model(helper.make_graph(nodes, "twins", ports[:1], ports[1:]))
    kept = without_twins(model).graph.node
    # An output of the graph keeps its name.
    assert [node.output[0] for node in kept] == ["a", "b", "c", "y2", "y"]
    assert kept[-1].input == ["a", "b", "c", "c"]


def test_no_passes_exports_the_plain_graph_under_its_own_name(tmp_path, capsys) -> None:
    onnx.save(coordinate(), tmp_path / "block.onnx")
    common = [*EXPORT, str(tmp_path / "block.onnx"), "--to", "onnx:fp32", "--json"]
    manifests = []
    for extra in ([], ["--no-passes"]):
        assert cli.main([*common, "--out", str(tmp_path / "out"), *extra]) == 0
        manifests += json.loads(capsys.readouterr().out)
    with_passes, without = manifests
    assert with_passes["passes"] == list(pipeline_of(Target("onnx", "fp32")).names)
    assert without["passes"] == []
    assert [one["file"] for one in manifests] == ["block.fp32.onnx", "block+plain.fp32.onnx"]
    files = [onnx.load(tmp_path / "out" / one["file"]) for one in manifests]
    assert [ops(file)["ReduceMean"] for file in files] == [0, 2]


def _halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """What no pass may do."""
    for tensor in model.graph.initializer:
        if tensor.name == "up":
            halved = onnx.numpy_helper.to_array(tensor) / 2
            tensor.CopyFrom(onnx.numpy_helper.from_array(halved, "up"))
    return model


def test_a_pass_that_changes_the_function_is_named() -> None:
    graph = OnnxGraph(squeeze_excite(), "block", "file", "")
    sample = reference.noise(graph.model, 0)
    assert first_wrong_pass(graph, Pipeline((pool_means, _halve, widen_gates)), sample) == "_halve"
    assert first_wrong_pass(graph, Pipeline((pool_means, widen_gates)), sample) is None


def test_an_export_that_a_pass_spoils_names_the_pass_and_writes_nothing(
    tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setitem(PIPELINES, "onnx:fp32", Pipeline((pool_means, _halve)))
    onnx.save(squeeze_excite(), tmp_path / "block.onnx")
    words = [*EXPORT, str(tmp_path / "block.onnx"), "--to", "onnx:fp32"]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) != 0
    assert "the graph pass _halve changes what the graph computes" in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*.onnx"))
