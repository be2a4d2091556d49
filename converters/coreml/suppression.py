"""Core ML's pipeline for detectors, which Xcode previews: raw head -> candidates -> NMS model.

    raw head      the proved program, in any precision
    candidates    a program of our own: decodes offsets, and gives each pair of box and class a row
    suppression   Core ML's NonMaximumSuppression model, by class (iOS 12)

The outputs are those that Vision and Xcode know: `coordinates` (boxes, 4), centre, width and height
as parts of the image, and `confidence` (boxes, classes). The thresholds are optional inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgebench.content import Content
from edgebench.converters.coreml import package
from edgebench.converters.coreml.convert import convert_all
from edgebench.converters.coreml.evaluator.specification import specification_of
from edgebench.converters.coreml.mil import ct
from edgebench.converters.onnx import suppression
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array
from edgebench.converters.onnx.suppression import CONFIDENCE, COORDINATES
from edgebench.converters.postprocess import MOST, Detector
from edgebench.converters.quiet import quiet

ALL = "candidate_{}"
"""The names of what goes into the suppression; no two values of a pipeline may have one name."""

IOU, LEAST = "iouThreshold", "confidenceThreshold"
"""The optional inputs, as Apple's own detectors call them."""

IOS_12 = 3
"""The first version of the specification that has the suppression."""


def behind(
    graph: OnnxGraph, content: Content, detector: Detector, names: dict[str, str]
) -> Content:
    """A package with the post-processing. `names` are Core ML's names of the graph's values."""
    raw_names = {name: names[name] for name in (detector.offsets, detector.scores)}
    made = suppression.candidates_of(detector)
    for node in made.graph.node:
        node.input[:] = [raw_names.get(name, name) for name in node.input]
    for port in made.graph.input:
        port.name = raw_names[port.name]
    _renamed(made, {name: ALL.format(name) for name in (COORDINATES, CONFIDENCE)})
    alone = replace(graph, model=made, name="candidates", float_nodes=frozenset())
    (candidates,) = convert_all(alone, ("fp32",)).values()
    with package.on_disk(content) as one, package.on_disk(candidates) as other, quiet():
        parts = [ct.models.MLModel(str(path), skip_model_load=True) for path in (one, other)]
        entries = dict(specification_of(one).description.metadata.userDefined)
        last = ct.models.MLModel(_suppression(detector, made), skip_model_load=True)
        whole = ct.utils.make_pipeline(*parts, last)
        return package.packed(whole, {**entries, **_thresholds(detector)})


def labelled(content: Content, labels: Sequence[str] | None) -> Content:
    """The package with the names of the classes, which previews show."""
    if not labels:
        return content
    with package.on_disk(content) as path, quiet():
        specification = specification_of(path)
        last = specification.pipeline.models[-1].nonMaximumSuppression
        last.ClearField("int64ClassLabels")
        last.stringClassLabels.vector[:] = labels
        weights = str(path / "Data/com.apple.CoreML/weights")
        model = ct.models.MLModel(specification, weights_dir=weights, skip_model_load=True)
        return package.packed(model, {})


def as_arrays(coordinates: Array, confidence: Array) -> list[Array]:
    """The pipeline's outputs as the four arrays that every format gives (`postprocess.OUTPUTS`)."""
    count = min(MOST, len(confidence))
    boxes = np.zeros((1, MOST, 4), np.float32)
    classes, scores = np.zeros((1, MOST), np.int32), np.zeros((1, MOST), np.float32)
    if count:
        places, likely = coordinates[:count], confidence[:count]
        low, high = places[:, :2] - places[:, 2:] / 2, places[:, :2] + places[:, 2:] / 2
        boxes[0, :count] = np.concatenate([low, high], axis=1)[:, [1, 0, 3, 2]]
        classes[0, :count], scores[0, :count] = likely.argmax(1), likely.max(1)
    return [boxes, classes, scores, np.array([count], np.int32)]


def _renamed(model: Any, names: dict[str, str]) -> None:
    for node in model.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
    for port in model.graph.output:
        port.name = names[port.name]


def _thresholds(detector: Detector) -> dict[str, str]:
    return {"IoU threshold": f"{detector.overlap:g}", "Confidence threshold": f"{detector.least:g}"}


def _suppression(detector: Detector, candidates: Any) -> Any:
    """The specification of the last model (NonMaximumSuppression.proto)."""
    specification = ct.proto.Model_pb2.Model()
    specification.specificationVersion = IOS_12
    described = specification.description
    sides = {
        port.name: port.type.tensor_type.shape.dim[1].dim_value for port in candidates.graph.output
    }
    rows = candidates.graph.output[0].type.tensor_type.shape.dim[0].dim_value
    for name in (COORDINATES, CONFIDENCE):
        side = sides[ALL.format(name)]
        _array(described.input.add(), ALL.format(name)).shape.extend((rows, side))
        found = _array(described.output.add(), name)
        for lower, upper in ((0, -1), (side, side)):
            size = found.shapeRange.sizeRanges.add()
            size.lowerBound, size.upperBound = lower, upper
    for name, default, meaning in (
        (IOU, detector.overlap, "boxes of a class that overlap by more are one"),
        (LEAST, detector.least, "boxes that are no more likely are left out"),
    ):
        port = described.input.add()
        port.name, port.type.isOptional = name, True
        port.type.doubleType.MergeFrom(ct.proto.FeatureTypes_pb2.DoubleFeatureType())
        port.shortDescription = f"{meaning} (default: {default:g})"
    made = specification.nonMaximumSuppression
    made.coordinatesInputFeatureName, made.confidenceInputFeatureName = map(
        ALL.format, (COORDINATES, CONFIDENCE)
    )
    made.coordinatesOutputFeatureName, made.confidenceOutputFeatureName = COORDINATES, CONFIDENCE
    made.iouThresholdInputFeatureName, made.confidenceThresholdInputFeatureName = IOU, LEAST
    made.iouThreshold, made.confidenceThreshold = detector.overlap, detector.least
    made.pickTop.perClass = True
    made.int64ClassLabels.vector.extend(range(sides[ALL.format(CONFIDENCE)]))
    return specification


def _array(port: Any, name: str) -> Any:
    port.name = name
    array = port.type.multiArrayType
    array.dataType = array.ArrayDataType.Value("FLOAT32")
    return array
