"""A detector's files with their post-processing: what is evaluated, put behind, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from edgebench.content import Content
from edgebench.converters import targets
from edgebench.converters.artifact import Hop
from edgebench.converters.backend import Converted, Instructions
from edgebench.converters.export import proof
from edgebench.converters.export.evaluation import EvaluationSubject
from edgebench.converters.export.source import Source
from edgebench.converters.onnx import suppression
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.postprocess import OUTPUTS, Detector
from edgebench.converters.targets import Target
from edgebench.errors import ParityError
from edgebench.intervals import clustered_share
from edgebench.tasks.detection import SAME_BOX, found_again
from edgebench.tasks.detection_decode import Detections, detections
from edgebench.tasks.reduction import reduce

SAMPLES = 32
"""The boxes of so many images are compared."""

LEAST = 0.99
"""So many of the boxes have to be the same: of two nearly equal scores the other may win."""


def finished(subject: EvaluationSubject, source: Source) -> tuple[EvaluationSubject, Source]:
    """What a file with the post-processing is evaluated as: the boxes that the task decodes."""
    detector, run = source.detector, source.torch
    if detector is None or run is None:
        return subject, source
    names = [port.name for port in source.graph.outputs]

    def decoded(samples: Sequence[Sample]) -> list[list[Array]]:
        return [detector.decoded(names, outputs) for outputs in run(samples)]

    whole = replace(source, graph=whole_graph(source.graph, detector), torch=decoded)
    return replace(subject, task=detector.assignment), whole


def whole_graph(graph: OnnxGraph, detector: Detector) -> OnnxGraph:
    """The graph of the raw head with the post-processing behind it, as ONNX has it."""
    return replace(graph, model=suppression.behind(graph.model, detector))


def put_behind(
    target: Target,
    graph: OnnxGraph,
    content: Content,
    raw: Converted,
    detector: Detector,
    samples: Sequence[Sample],
    instructions: Instructions,
) -> tuple[Content, Converted, Hop]:
    """The content of a proved file with the post-processing behind it, opened, and compared.

    `raw` is the file as it was proved. Raises `ParityError` where boxes are not those that the
    task decodes from what it gives.
    """
    backend = targets.backend(target.format)
    made: Any = backend.with_detector(graph, content, detector)
    whole = whole_graph(graph, detector)
    made = backend.describe(whole, made, instructions.preprocessing, instructions.labels)
    opened = proof.open_for_proof(target.format, whole, made)
    return made, opened, _compared(target, graph, raw, opened, detector, samples)


def _compared(
    target: Target,
    graph: OnnxGraph,
    raw: Converted,
    opened: Converted,
    detector: Detector,
    samples: Sequence[Sample],
) -> Hop:
    names = [port.name for port in graph.outputs]
    alike, every, largest = [], [], 0.0
    for sample in islice(samples, SAMPLES):
        one = _boxes(detector, detector.decoded(names, raw.run(sample)))
        other = _boxes(detector, opened.run(sample))
        alike.append(found_again(one, other, SAME_BOX) + found_again(other, one, SAME_BOX))
        every.append(len(one) + len(other))
        both = min(len(one), len(other))
        differences = np.abs(one.scores[:both] - other.scores[:both])
        largest = max(largest, float(differences.max(initial=0.0)))
    step = f"{target} with post-processing"
    boxes = sum(every)
    if sum(alike) < LEAST * boxes:
        raise ParityError(
            f"{step} gives other boxes than its raw head: {100 * sum(alike) / boxes:.1f} % of "
            f"{boxes} are the same, required: {100 * LEAST:g} %",
            "the file was not written; --raw-outputs exports the raw head. This is a bug in "
            "edgebench or in the runtime: please report it with the model",
        )
    agreement = None
    if boxes:
        agreement = clustered_share(np.array(alike, float), np.array(every, float))
    return Hop(
        step, len(every), largest, None, agreement, None, f"{LEAST:.0%} of boxes: {SAME_BOX}"
    )


def _boxes(detector: Detector, outputs: Sequence[Array]) -> Detections:
    named = dict(zip(OUTPUTS, outputs, strict=True))
    assignment = detector.assignment
    kept = {one.role: reduce(one.reduction, one.output, named) for one in assignment.outputs}
    (found,) = detections(assignment, kept)
    return found
