"""Core ML's pipeline for detectors: what is in it, and what its suppression means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgebench import tasks
from edgebench.content import write_content
from edgebench.converters import postprocess
from edgebench.converters.backend import Instructions
from edgebench.converters.coreml import suppression, target
from edgebench.converters.coreml.evaluator import pipeline
from edgebench.converters.coreml.evaluator.pipeline import Suppression
from edgebench.converters.coreml.evaluator.specification import specification_of
from edgebench.converters.export.detector import whole_graph
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.postprocess import Detector
from edgebench.deploy.runner.engines.coreml import detections
from edgebench.errors import UnsupportedModelError
from edgebench.progress import silent
from edgebench.tasks.task import ModelOutput, Signature

ANCHORS, CLASSES = 9, 3
LABELS = ("cup", "key", "pen")
COLUMNS = 4 + CLASSES + 1
WEIGHTS = np.random.default_rng(0).uniform(0.5, 1.5, (1, ANCHORS, COLUMNS)).astype(np.float32)


def detector() -> Detector:
    outputs = (
        ModelOutput("offsets", (1, ANCHORS, 4)),
        ModelOutput("logits", (1, ANCHORS, CLASSES + 1)),
    )
    words = {
        **{"boxes": "offsets", "scores": "logits", "format": "offsets", "activation": "softmax"},
        **{"background": "first", "anchors": "3x3:0.5x0.4"},
    }
    found = postprocess.of(tasks.get("detection").assign(Signature(outputs, (24, 24)), words))
    assert found is not None
    return found


def raw_head() -> OnnxGraph:
    """A head whose outputs are its input times weights: what is decoded is up to the test."""
    shapes = {"offsets": (1, ANCHORS, 4), "logits": (1, ANCHORS, CLASSES + 1)}
    both = (1, ANCHORS, COLUMNS)
    info = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Mul", ["x", "weights"], ["scaled"]),
        helper.make_node("Split", ["scaled"], list(shapes), axis=2, num_outputs=2),
    ]
    graph = helper.make_graph(
        nodes,
        "head",
        [info("x", TensorProto.FLOAT, both)],
        [info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [numpy_helper.from_array(WEIGHTS, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return OnnxGraph(model, "head", "file", "0" * 64)


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    graph = raw_head()
    (raw,) = target.convert(graph, ("fp32",), (), Instructions(), silent).values()
    behind = target.with_detector(graph, raw, detector())
    content = target.describe(whole_graph(graph, detector()), behind, None, LABELS)
    assert isinstance(content, dict)
    return content


def test_boxes_are_those_that_the_task_decodes(made: dict[str, bytes]) -> None:
    chance, found = np.random.default_rng(1), detector()
    opened = target.open_converted(whole_graph(raw_head(), found), made)
    assert [one.name for one in opened.outputs] == list(postprocess.OUTPUTS)
    counts = set()
    for _ in range(20):
        x = chance.normal(0, 2, (1, ANCHORS, COLUMNS)).astype(np.float32)
        raw = x * WEIGHTS
        wanted = found.decoded(["offsets", "logits"], [raw[..., :4], raw[..., 4:]])
        for one, other in zip(opened.run({"x": x}), wanted, strict=True):
            assert np.allclose(one, other, atol=1e-5)
        counts.add(int(wanted[-1][0]))
    assert len(counts) > 3 and max(counts) > ANCHORS  # Some boxes may be two things.


def test_the_package_is_what_previews_know(made: dict[str, bytes], tmp_path: Path) -> None:
    write_content(tmp_path / "it.mlpackage", made)
    specification = specification_of(tmp_path / "it.mlpackage")
    described = specification.description
    assert [port.name for port in described.output] == ["coordinates", "confidence"]
    optional = {port.name for port in described.input if port.type.isOptional}
    assert optional == {"iouThreshold", "confidenceThreshold"}
    assert described.metadata.userDefined["IoU threshold"] == "0.6"
    last = specification.pipeline.models[-1]
    assert list(last.nonMaximumSuppression.stringClassLabels.vector) == list(LABELS)
    assert last.nonMaximumSuppression.pickTop.perClass
    loaded = pipeline.load(tmp_path / "it.mlpackage")
    assert loaded is not None and [port.name for port in loaded.outputs] == [
        *("coordinates", "confidence")
    ]
    # The programs have weights of their own; one that another overwrote would be damaged.
    assert sum(name.endswith(".bin") for name in made) == 2


def test_another_pipeline_is_refused(made: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "it.mlpackage"
    write_content(path, made)
    specification = specification_of(path)
    del specification.pipeline.models[-1]
    (path / "Data/com.apple.CoreML/model.mlmodel").write_bytes(specification.SerializeToString())
    with pytest.raises(UnsupportedModelError, match="a pipeline of mlProgram, mlProgram"):
        pipeline.load(path)


@pytest.mark.parametrize(("by_class", "kept"), [(True, [0.9, 0.8, 0.7]), (False, [0.9, 0.7])])
def test_worse_boxes_of_a_class_that_overlap_go(by_class: bool, kept: list[float]) -> None:
    places = np.array(
        [[0.5, 0.5, 0.4, 0.4], [0.5, 0.5, 0.4, 0.4], [0.52, 0.5, 0.4, 0.4], [0.1, 0.1, 0.1, 0.1]]
    )
    likely = np.array([[0.9, 0], [0, 0.8], [0.6, 0], [0.7, 0]])
    last = Suppression(("at", "is"), ("place", "kind"), 0.5, 0.1, by_class)
    found = last.run({"at": places, "is": likely})
    assert found["kind"].max(1).tolist() == pytest.approx(kept)
    nothing = last.run({"at": places, "is": likely / 100})
    assert nothing["place"].shape == (0, 4) and nothing["kind"].shape == (0, 2)


def test_the_runner_on_a_mac_gives_the_same_arrays() -> None:
    chance = np.random.default_rng(2)
    for count in (0, 3, 130):
        rows = chance.random((count, 4)).astype(np.float32), chance.random((count, 5))
        pairs = zip(suppression.as_arrays(*rows), detections(np, *rows), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)
