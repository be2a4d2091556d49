"""Counting: the operations of a graph and of a file add up to what the registry declares."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgebench.converters.analysis import operations
from edgebench.converters.artifact import Manifest, Operation
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.torch_export import to_onnx
from edgebench.converters.targets import parse
from edgebench.documents import load
from edgebench.models import registry
from edgebench.models.build import build

FP32 = parse("onnx:fp32")


@functools.cache
def zoo_graph(name: str) -> OnnxGraph:
    return to_onnx(build(registry.get(name)))


def total(found: tuple[Operation, ...], figure: str, **where: object) -> int:
    return sum(
        getattr(one, figure)
        for one in found
        if all(getattr(one, field) == value for field, value in where.items())
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scenes_v2", "scenes_v2_ca", "scenes_v2_cbam", "scenes_v2_sca"])
def test_a_graphs_operations_add_up_to_the_registrys_counts(name: str) -> None:
    spec = registry.get(name)
    found = operations.count(FP32, zoo_graph(name), None)
    assert total(found, "madds") == spec.madds
    assert total(found, "elementwise", attention=True, kind="multiply") == spec.multiplies
    assert total(found, "weight_bytes") >= 4 * (spec.parameters - 20_000)


@pytest.mark.slow
def test_an_ablated_graph_lacks_just_that_stages_attention() -> None:
    stage = 2
    whole = operations.count(FP32, zoo_graph("scenes_v2_ca"), None)
    part = operations.count(FP32, zoo_graph(f"scenes_v2_ca~stage{stage}"), None)
    for figure in ("madds", "elementwise", "weight_bytes", "read_bytes", "written_bytes"):
        gone = total(whole, figure, attention=True, stage=stage)
        assert total(whole, figure) - total(part, figure) == gone > 0
    assert not [one for one in part if one.attention and one.stage == stage]


@pytest.mark.slow
def test_a_tflite_files_operations_add_up_and_int8_moves_a_quarter(tmp_path: Path) -> None:
    from edgebench.converters.export.export import export

    targets = (parse("tflite:fp32"), parse("tflite:int8"))
    request = ExportRequest("scenes_v2_ca~stage4", targets, tmp_path)
    spec = registry.get("scenes_v2_ca~stage4")
    fp32, int8 = (one.manifest for one in export(request).artifacts)
    for manifest in (fp32, int8):
        # A target's form may compute the attention in another way, but not the backbone.
        backbone = total(manifest.operations, "madds", attention=False)
        assert backbone == registry.get("scenes_v2").madds
        assert {one.stage for one in manifest.operations if one.attention} == {2, 3, 5}
        assert manifest.madds == spec.madds
        assert manifest.weights == "untrained" and manifest.evaluation is None
        assert manifest.ablation is not None and manifest.ablation.stage == 4
        assert manifest.ablation.model == "scenes_v2_ca"
    # Each map is a quarter as wide; sizes of attention's small tensors and biases differ a little.
    wide, narrow = (total(m.operations, "read_bytes", kind="multiply") for m in (fp32, int8))
    assert narrow == pytest.approx(wide / 4, rel=0.05)
    gates = total(fp32.operations, "elementwise", attention=True, kind="multiply")
    assert gates == spec.multiplies
    assert load(tmp_path / "scenes_v2_ca~stage4.fp32.tflite.json", Manifest) == fp32


def test_a_convolution_reads_its_map_and_weights_once_and_computes_its_activation() -> None:
    weights = numpy_helper.from_array(np.zeros((8, 3, 3, 3), np.float32), "w")
    limits = [numpy_helper.from_array(np.float32(v), n) for v, n in ((0, "low"), (6, "high"))]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Clip", ["y", "low", "high"], ["z"]),
        helper.make_node("ReduceMean", ["z", "axes"], ["m"], keepdims=1),
        helper.make_node("Transpose", ["m"], ["t"], perm=[0, 2, 3, 1]),
    ]
    image = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 10, 10])
    out = helper.make_tensor_value_info("t", onnx.TensorProto.FLOAT, [1, 1, 1, 8])
    axes = numpy_helper.from_array(np.array([2, 3]), "axes")
    graph = helper.make_graph(nodes, "g", [image], [out], [weights, *limits, axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    conv, clip, mean, transpose = operations.count(FP32, OnnxGraph(model, "g", "file", "0"), None)
    assert conv.madds == 10 * 10 * 8 * 27 and conv.kind == "convolution"
    assert (conv.weight_bytes, conv.read_bytes, conv.written_bytes) == (864, 1200, 3200)
    assert clip.kind == "activation" and clip.read_bytes == clip.written_bytes == 0
    assert mean.kind == "pooling" and mean.elementwise == 800
    assert mean.read_bytes == 3200 and mean.written_bytes == 32
    assert transpose.kind == "move" and transpose.written_bytes == 0
    assert all(one.block is None and not one.attention for one in (conv, clip, mean, transpose))


@pytest.mark.slow
def test_every_operation_of_a_zoo_graph_is_placed_where_its_module_is() -> None:
    found = operations.count(FP32, zoo_graph("scenes_v2_ca"), None)
    attention = [one for one in found if one.attention]
    assert {one.block for one in attention} == set(range(2, 18))
    by_block = [[one.type for one in attention if one.block == block] for block in (2, 17)]
    assert by_block[0] == by_block[1]
    assert by_block[0].count("Conv") == 3 and by_block[0].count("Mul") == 2
    assert by_block[0].count("ReduceMean") == 2
    assert {one.stage for one in found} == {1, 2, 3, 4, 5, None}
    assert "Add" not in {one.type for one in attention}


def test_operations_of_any_kind_and_unknown_shape_are_counted_without_complaint() -> None:
    """ONNX's own cases hold sequences, control flow, scalars and shapes that nobody infers."""
    from onnx.backend.test.case.node import collect_testcases

    cases = [case for case in collect_testcases(None) if case.model is not None]
    assert len(cases) > 1000
    for case in cases[::20]:
        graph = OnnxGraph(case.model, case.name, "file", "0")
        for one in operations.count(FP32, graph, None):
            assert min(one.madds, one.elementwise, one.read_bytes, one.written_bytes) >= 0


def test_a_target_types_bytes_are_counted_and_float_nodes_stay_float() -> None:
    nodes = [
        helper.make_node("Sigmoid", ["x"], ["y"], name="first"),
        helper.make_node("Sigmoid", ["y"], ["z"], name="second"),
    ]
    ports = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4, 8, 8]) for name in "xyz"
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", ports[:1], ports[2:]))
    graph = OnnxGraph(model, "g", "file", "0", float_nodes=frozenset({"second"}))
    first, second = operations.count(parse("openvino:int8"), graph, None)
    assert (first.read_bytes, first.written_bytes) == (256, 256)
    assert (second.read_bytes, second.written_bytes) == (256, 1024)
    (half, _) = operations.count(parse("coreml:fp16"), graph, None)
    assert half.written_bytes == 512
