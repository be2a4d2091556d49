"""Detectors and segmenters of the zoo in every format: right, and what their outputs mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from edgebench import tasks
from edgebench.cli import main
from edgebench.converters import postprocess
from edgebench.converters.artifact import Artifact, find_artifacts
from edgebench.converters.export import proof
from edgebench.converters.export.detector import whole_graph
from edgebench.converters.onnx import best_class, suppression
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import session
from edgebench.converters.postprocess import OUTPUTS, Detector
from edgebench.models import registry
from edgebench.models.backbones.heads.meaning import meaning_of
from edgebench.models.build import build
from edgebench.models.data import scenes
from edgebench.models.data.images import normalise
from edgebench.tasks.detection import SAME_BOX, found_again
from edgebench.tasks.detection_decode import detections
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Array, ModelOutput, Signature

DETECTOR, SEGMENTER = "ssdlite_scenes_v2_s64", "lraspp_scenes_v2_s64"
NAMES = ["offsets", "logits"]


def detector_of(name: str) -> tuple[Detector, tuple[tuple[int, ...], ...]]:
    """The post-processing of a model, and the shapes of its raw outputs."""
    spec = registry.get(name)
    module = build(spec).module
    with torch.no_grad():
        outputs = module(torch.zeros(1, 3, spec.input_size, spec.input_size))
    shapes = tuple(tuple(one.shape) for one in outputs)
    ports = tuple(ModelOutput(*port) for port in zip(NAMES, shapes, strict=True))
    meaning = meaning_of(spec)
    assert meaning is not None
    signature = Signature(ports, (spec.input_size,) * 2)
    found = postprocess.of(tasks.get(meaning.task).assign(signature, meaning.words))
    assert found is not None
    return found, shapes


def boxes(detector: Detector, outputs: list[Array]):  # type: ignore[no-untyped-def]
    named = dict(zip(OUTPUTS, outputs, strict=True))
    assignment = detector.assignment
    kept = {one.role: reduce(one.reduction, one.output, named) for one in assignment.outputs}
    (found,) = detections(assignment, kept)
    return found


def test_the_post_processing_in_onnx_gives_the_boxes_that_the_task_decodes() -> None:
    detector, shapes = detector_of(DETECTOR)
    opened = session(suppression.graph_of(detector))
    rng = np.random.default_rng(0)
    for spread in (0.1, 1.0, 4.0, 8.0):
        raw = [
            rng.normal(0, scale, shape).astype(np.float32)
            for shape, scale in zip(shapes, (1.0, spread), strict=True)
        ]
        found = opened.run(list(OUTPUTS), dict(zip(NAMES, raw, strict=True)))
        for one, wanted in zip(found, detector.decoded(NAMES, raw), strict=True):
            assert (one.shape, one.dtype) == (wanted.shape, wanted.dtype)
            np.testing.assert_allclose(one, wanted, atol=1e-5)


def test_an_image_in_which_nothing_is_found_has_no_box_in_onnx() -> None:
    detector, shapes = detector_of(DETECTOR)
    logits = np.zeros(shapes[1], np.float32)
    logits[..., 0] = 20
    feed = {"offsets": np.zeros(shapes[0], np.float32), "logits": logits}
    found = session(suppression.graph_of(detector)).run(list(OUTPUTS), feed)
    assert found[OUTPUTS.index("count")].tolist() == [0]
    assert not found[OUTPUTS.index("scores")].any() and not found[OUTPUTS.index("boxes")].any()


def test_a_map_has_the_best_class_of_each_pixel() -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 5, 4, 6))
    out = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, (1, 5, 4, 6))
    node = onnx.helper.make_node("Identity", ["x"], ["logits"])
    graph = onnx.helper.make_graph([node], "g", [value], [out])
    opset = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
    chosen = best_class.chosen(OnnxGraph(model, "g", "zoo", ""))
    x = np.random.default_rng(0).normal(size=(1, 5, 4, 6)).astype(np.float32)
    (found,) = session(chosen.model).run(None, {"x": x})
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, x.argmax(1))
    assert [port.shape for port in chosen.outputs] == [(1, 4, 6)]


def test_what_has_no_post_processing_cannot_be_asked_for_raw_outputs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "scenes_v2", "--raw-outputs", "--to", "onnx:fp32", "--out", str(tmp_path)]
    assert main(words) == 2
    assert "has no post-processing" in capsys.readouterr().err


def opened(artifact: Artifact, graph: OnnxGraph):  # type: ignore[no-untyped-def]
    content = artifact.path
    form = artifact.manifest.format
    if content.is_dir():
        files = {
            str(path.relative_to(content)): path.read_bytes()
            for path in sorted(content.rglob("*"))
            if path.is_file()
        }
        return proof.open_for_proof(form, graph, files)
    return proof.open_for_proof(form, graph, content.read_bytes())


def unseen(size: int) -> Array:
    """Pictures that no export has seen, normalised as the scenes are."""
    images, _ = scenes.with_things("test", 6, 99, size)
    return normalise(images, scenes.MEAN, scenes.STD)


@pytest.mark.slow
def test_detectors_files_give_torchs_boxes_on_pictures_that_no_export_has_seen(
    tmp_path: Path,
) -> None:
    targets = "tflite:fp32,onnx:fp32,openvino:fp32,coreml:fp32"
    words = ["export", DETECTOR, "--to", targets, "--jobs", "1", "--out", str(tmp_path)]
    assert main(words) == 0
    detector, _ = detector_of(DETECTOR)
    from edgebench.converters.onnx.torch_export import to_onnx

    model = build(registry.get(DETECTOR))
    graph = whole_graph(to_onnx(model), detector)
    images = unseen(64)
    with torch.no_grad():
        raw = [one.numpy() for one in model.module(torch.from_numpy(images))]
    found = list(find_artifacts(tmp_path))
    assert {artifact.manifest.format for artifact in found} == {
        "tflite",
        "onnx",
        "openvino",
        "coreml",
    }
    for artifact in found:
        hop = artifact.manifest.post_processing
        assert hop is not None and hop.agreement is not None and hop.agreement.value > 0.99
        assert [one.onnx or one.name for one in artifact.manifest.outputs] == list(OUTPUTS)
        file = opened(artifact, graph)
        for number in range(len(images)):
            wanted = detector.decoded(NAMES, [one[number : number + 1] for one in raw])
            one = boxes(detector, wanted)
            other = boxes(detector, file.run({"image": images[number : number + 1]}))
            assert len(one) == len(other) > 0
            assert found_again(one, other, SAME_BOX) >= 0.97 * len(one)


@pytest.mark.slow
def test_segmenters_files_give_torchs_classes_as_bytes(tmp_path: Path) -> None:
    targets = "tflite:fp32,onnx:fp32,openvino:fp32,coreml:fp32"
    words = ["export", SEGMENTER, "--to", targets, "--jobs", "1", "--out", str(tmp_path)]
    assert main(words) == 0
    from edgebench.converters.onnx.torch_export import to_onnx

    model = build(registry.get(SEGMENTER))
    graph = best_class.chosen(to_onnx(model))
    images = unseen(64)
    with torch.no_grad():
        wanted = model.module(torch.from_numpy(images))[0].argmax(1).numpy()
    found = list(find_artifacts(tmp_path))
    assert len(found) == 4
    for artifact in found:
        (output,) = artifact.manifest.outputs
        if artifact.manifest.format != "coreml":  # Its arrays have no bytes.
            assert output.dtype == "uint8"
        file = opened(artifact, graph)
        maps = [file.run({"image": images[i : i + 1]})[0][0] for i in range(len(images))]
        assert (np.stack(maps) == wanted).mean() > 0.999


@pytest.mark.slow
def test_deeplabs_scores_are_torchs_in_every_format(tmp_path: Path) -> None:
    """Its weights are untrained, so scores are compared and not classes, many of which are ties."""
    name, targets = "deeplabv3_scenes_v2_s64", "tflite:fp32,onnx:fp32,openvino:fp32,coreml:fp32"
    words = ["export", name, "--raw-outputs", "--to", targets, "--jobs", "1"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    from edgebench.converters.onnx.torch_export import to_onnx

    found = list(find_artifacts(tmp_path))
    assert {artifact.manifest.format for artifact in found} == {
        "tflite",
        "onnx",
        "openvino",
        "coreml",
    }
    model = build(registry.get(name))
    graph, images = to_onnx(model), unseen(64)[:2]
    with torch.no_grad():
        wanted = model.module(torch.from_numpy(images))[0].numpy()
    for artifact in found:
        file = opened(artifact, graph)
        scores = np.concatenate([file.run({"image": images[i : i + 1]})[0] for i in range(2)])
        error = np.square(scores - wanted).sum() / np.square(wanted).sum()
        assert error < 1e-6, artifact.manifest.format


@pytest.mark.slow
def test_the_raw_head_is_there_with_scales_of_its_own_in_int8(tmp_path: Path) -> None:
    targets = "tflite:int8,coreml:fp32"
    words = ["export", DETECTOR, "--raw-outputs", "--to", targets, "--jobs", "1"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    found = {artifact.manifest.format: artifact for artifact in find_artifacts(tmp_path)}
    assert {one.manifest.model for one in found.values()} == {f"{DETECTOR}+raw"}
    quantised = [one.quantization for one in found["tflite"].manifest.outputs]
    assert None not in quantised and len({one.scale for one in quantised if one}) == 2
    assert [one.onnx or one.name for one in found["coreml"].manifest.outputs] == NAMES
