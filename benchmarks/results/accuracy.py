"""Accuracy and drift: computed from the outputs that came back from the device."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgebench.benchmarks.results.comparison import DeviceAccuracy, Drift, HostComparison
from edgebench.benchmarks.results.measured import MeasuredRun
from edgebench.deploy.documents.plan import Group
from edgebench.errors import InvalidFileError
from edgebench.intervals import paired_difference, proportion
from edgebench.snr import snr_db
from edgebench.tasks.task import Array, Outputs


def accuracy(run: MeasuredRun, group: Group, slot: str) -> DeviceAccuracy | None:
    """A slot's accuracy, and its differences from the trained model and the baseline.

    None if its answers have no meaning. Raises `InvalidFileError`.
    """
    answers = _answers(run, slot)
    if answers is None:
        return None
    labels, logits, outputs = answers
    hits = outputs.argmax(-1) == labels
    trained = logits.argmax(-1) == labels
    gain = None
    baseline = _answers(run, group.baseline) if slot != group.baseline else None
    if baseline is not None and np.array_equal(baseline[0], labels):
        gain = paired_difference(hits, baseline[2].argmax(-1) == labels)
    return DeviceAccuracy(
        on_device=proportion(hits),
        trained=proportion(trained),
        drop=paired_difference(hits, trained),
        gain=gain,
    )


def drift(run: MeasuredRun, slot: str) -> Drift | None:
    """How a slot's outputs differ from the trained model's. Raises `InvalidFileError`."""
    answers = _answers(run, slot)
    if answers is None:
        return None
    _, logits, outputs = answers
    return Drift(
        hops=run.manifests[slot].hops,
        samples=len(logits),
        agreement=proportion(outputs.argmax(-1) == logits.argmax(-1)),
        snr_db=snr_db(logits, outputs),
        max_abs_error=float(np.abs(outputs - logits).max()),
    )


def on_host(run: MeasuredRun, slot: str) -> HostComparison | None:
    """How a slot's outputs differ from those of the host, if the host ran it."""
    if run.host is None or slot not in run.outputs or slot not in run.host_outputs:
        return None
    outputs, theirs = (_only(run, slot, each) for each in (run.outputs, run.host_outputs))
    if outputs.shape != theirs.shape:
        return None
    return HostComparison(
        machine=run.host.context.machine,
        runtime=run.host.context.runtimes[run.manifests[slot].format],
        samples=len(outputs),
        agreement=proportion(outputs.argmax(-1) == theirs.argmax(-1)),
        snr_db=snr_db(theirs, outputs),
        max_abs_error=float(np.abs(outputs - theirs).max()),
    )


def _answers(run: MeasuredRun, slot: str) -> tuple[Array, Array, Array] | None:
    """Labels, the trained model's logits and the device's outputs; None if there are none."""
    if run.manifests[slot].weights == "untrained":
        return None
    if slot not in run.references or slot not in run.outputs:
        return None
    labels = run.labels[slot]["labels"]
    logits, outputs = (_only(run, slot, each) for each in (run.references, run.outputs))
    evaluation = run.result.evaluations.get(slot)
    alone = len(outputs) if evaluation is None else evaluation.images
    labels, logits = labels[:alone], logits[:alone]  # Some devices run the first inputs only.
    if outputs.shape != logits.shape or len(labels) != len(logits):
        raise InvalidFileError(
            f"the outputs of {slot} are {outputs.shape}, the trained model's are {logits.shape}",
            "export it again with: edgebench export",
        )
    return labels, logits, outputs


def _only(run: MeasuredRun, slot: str, outputs: Mapping[str, Outputs]) -> Array:
    """The array of a classifier's one role."""
    evaluation = run.manifests[slot].evaluation
    assert evaluation is not None
    return outputs[slot][evaluation.task.outputs[0].role]
