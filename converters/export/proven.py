"""The ONNX graph, proved against its own source, and what its targets are proved with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from edgebench.converters import parity
from edgebench.converters.artifact import Hop
from edgebench.converters.export import cost, detector, evaluation, examples, meaning
from edgebench.converters.export.evaluation import EvaluationFiles
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.source import Source, open_source
from edgebench.converters.onnx import reference
from edgebench.converters.sensitivity import outputs_db
from edgebench.progress import Progress


@dataclass(frozen=True)
class Proven:
    """The source with the inputs of the proofs, and what its graph computes of them.

    `hops` are the steps to the ONNX graph, or to a target of it; `evaluation` is None where nothing
    measures the accuracy.
    """

    source: Source
    data: examples.ExampleSet
    trial: parity.Trial
    expected: parity.Outputs
    hops: tuple[Hop, ...]
    evaluation: EvaluationFiles | None


def prove_source(request: ExportRequest, progress: Progress) -> Proven:
    """Open the source, read the examples and prove the graph. Raises an `EdgeBenchError`."""
    source = open_source(request, progress)
    graph = source.graph
    progress("read the examples", 0, 0)
    subject = evaluation.subject(request, source)
    data = examples.load(request, graph, source.preprocessing, subject)
    evaluated = None if subject is None else subject.task
    meaningful = data.meaningful and source.weights != "untrained"
    trial = parity.Trial(
        samples=data.held_out,
        outputs=[port.name for port in graph.outputs],
        meaningful=meaningful,
        task=meaning.compared(request, source, evaluated),
    )
    cost.check_known(request.require_agreement, bool(trial.unit))
    expected = reference.outputs(graph.model, data.held_out)
    hops: list[Hop] = []
    if source.torch is not None:
        progress("prove torch->onnx", 0, 0)
        outputs = evaluation.source_outputs(source, data.held_out)
        rough = partial(outputs_db, graph.model, data.held_out, expected)
        hops.append(parity.prove("torch->onnx", outputs, expected, trial, _torch_differs, rough))
    files = None
    if subject is not None:
        progress("evaluate the source", 0, 0)
        files = evaluation.evaluate(*detector.finished(subject, source))
    return Proven(source, data, trial, expected, tuple(hops), files)


def _torch_differs() -> tuple[str, str]:
    return (
        "PyTorch's exporter or the simplification of its graph changed the model",
        "nothing was written; export the module to ONNX yourself, and that file with edgebench. "
        "This is a bug in edgebench or in PyTorch: please report it with the model",
    )
