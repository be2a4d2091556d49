"""Accuracy and drift: computed by the task, from the outputs that came back from the device.

Outputs lie in files and are read in parts, for those of a segmenter are large.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgebench import tasks
from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.results.comparison import (
    DeviceAccuracy,
    DeviceFigure,
    Drift,
    HostComparison,
    OutputDrift,
)
from edgebench.benchmarks.results.measured import MeasuredRun
from edgebench.converters.artifact import Evaluation
from edgebench.deploy.documents.plan import Group
from edgebench.errors import DataError, InvalidFileError
from edgebench.intervals import Estimate
from edgebench.snr import Errors
from edgebench.tasks.agreement import AgreementTally
from edgebench.tasks.task import Assignment, Outputs, Tally, Truth

_BYTES_AT_ONCE = 32_000_000

LOWEST_SNR_DB = -100.0
"""Where a reference is all zeros, the SNR has no lower end."""


class Answers:
    """What the outputs of a run say, each tallied once."""

    def __init__(self, run: MeasuredRun) -> None:
        self._run = run
        self._on_device: dict[str, Tally | None] = {}
        self._sources: dict[tuple[object, ...], Tally | None] = {}
        self._unreadable: dict[str, str] = {}

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What could not be read, as far as it was asked for."""
        return tuple(
            Diagnostic("unreadable_outputs", {"slot": slot, "reason": reason})
            for slot, reason in self._unreadable.items()
        )

    def accuracy(self, group: Group, slot: str) -> DeviceAccuracy | None:
        """A slot's figures, and their differences from the source model and the baseline.

        None where its answers have no meaning, or the labels hold nothing to find.
        """
        here = self._of_device(slot)
        evaluation = self._evaluation(slot)
        if here is None or evaluation is None:
            return None
        task = tasks.get(evaluation.task.task)
        there = self._of_source(slot, evaluation, here.images)
        with_baseline = self._of_device(group.baseline) if slot != group.baseline else None
        try:
            found, trained = here.score(), there.score() if there else None
            if found is None or there is None or trained is None:
                return None
            drop, gain = here.difference(there), None
            if with_baseline is not None and here.same_images(with_baseline):
                gain = here.difference(with_baseline)
        except DataError as error:
            self._unreadable[slot] = error.message
            return None
        figures = tuple(
            DeviceFigure(
                column.id,
                found.figures[column.id],
                trained.figures[column.id],
                drop.figures[column.id],
                gain.figures.get(column.id) if gain else None,
            )
            for column in task.figures
            if drop is not None and column.id in drop.figures
        )
        return DeviceAccuracy(task.name, found.images, figures) if figures else None

    def drift(self, slot: str) -> Drift | None:
        """How a slot's outputs differ from the source model's."""
        evaluation = self._evaluation(slot)
        outputs = self._outputs(slot)
        if evaluation is None or outputs is None:
            return None
        samples = count(outputs)
        reference = {role: array[:samples] for role, array in self._run.references[slot].items()}
        compared = self._compared(slot, evaluation.task, reference, outputs)
        if compared is None:
            return None
        return Drift(self._run.manifests[slot].hops, samples, *compared)

    def on_host(self, slot: str) -> HostComparison | None:
        """How a slot's outputs differ from those of the host, if the host ran it."""
        run, evaluation = self._run, self._run.manifests[slot].evaluation
        outputs, theirs = run.outputs.get(slot), run.host_outputs.get(slot)
        if run.host is None or evaluation is None or outputs is None or theirs is None:
            return None
        if count(outputs) != count(theirs):
            return None
        compared = self._compared(slot, evaluation.task, theirs, outputs)
        if compared is None:
            return None
        return HostComparison(
            run.host.context.machine,
            run.host.context.runtimes[run.manifests[slot].format],
            count(outputs),
            *compared,
        )

    def _compared(
        self, slot: str, assignment: Assignment, reference: Outputs, outputs: Outputs
    ) -> tuple[Estimate | None, tuple[OutputDrift, ...]] | None:
        """The share that agrees, and the errors of the outputs that are kept whole."""
        tally = AgreementTally(tasks.get(assignment.task), assignment)
        errors = {one.role: Errors() for one in assignment.outputs if one.reduction.numeric}
        try:
            for part in parts(outputs):
                wanted, found = cut(reference, part), cut(outputs, part)
                tally.add(wanted, found)
                beside = _beside(assignment, wanted, found)
                for role, sums in errors.items():
                    sums.add(wanted[role], beside[role])
        except DataError as error:
            self._unreadable[slot] = error.message
            return None
        agreement = tally.result()
        return agreement.share if agreement else None, tuple(
            OutputDrift(role, _floored(sums.snr_db), sums.largest_error)
            for role, sums in errors.items()
        )

    def _evaluation(self, slot: str) -> Evaluation | None:
        """The slot's evaluation, if its answers have a meaning."""
        manifest = self._run.manifests[slot]
        return None if manifest.weights == "untrained" else manifest.evaluation

    def _outputs(self, slot: str) -> Outputs | None:
        """What came back; some devices run the first inputs only. Raises `InvalidFileError`."""
        run = self._run
        if slot not in run.references or slot not in run.outputs:
            return None
        outputs, evaluation = run.outputs[slot], run.result.evaluations.get(slot)
        images = count(outputs) if evaluation is None else evaluation.images
        wanted = {role: array[:images].shape for role, array in run.references[slot].items()}
        found = {role: array.shape for role, array in outputs.items()}
        if wanted != found:
            raise InvalidFileError(
                f"the outputs of {slot} are {found}, the source model's are {wanted}",
                "export it again with: edgebench export",
            )
        return outputs if count(outputs) else None

    def _of_device(self, slot: str) -> Tally | None:
        if slot not in self._on_device:
            evaluation, outputs = self._evaluation(slot), self._outputs(slot)
            self._on_device[slot] = None
            if evaluation is not None and outputs is not None:
                self._on_device[slot] = self._tally(slot, evaluation, outputs)
        return self._on_device[slot]

    def _of_source(self, slot: str, evaluation: Evaluation, images: int) -> Tally | None:
        """The tally of the source model over the first images, which its artifacts share."""
        task = repr(evaluation.task)
        key = (evaluation.reference_sha256, evaluation.inputs_sha256, task, images)
        if key not in self._sources:
            reference = cut(self._run.references[slot], slice(0, images))
            self._sources[key] = self._tally(slot, evaluation, reference)
        return self._sources[key]

    def _tally(self, slot: str, evaluation: Evaluation, outputs: Outputs) -> Tally | None:
        task = tasks.get(evaluation.task.task)
        tally = task.tally(evaluation.task)
        if tally is None:
            return None
        try:
            truth: Truth = task.truth(self._run.labels[slot])
            for part in parts(outputs):
                tally.add(cut(outputs, part), truth.part(part.start, part.stop))
        except DataError as error:
            self._unreadable[slot] = error.message
            return None
        return tally


def count(outputs: Outputs) -> int:
    """The number of images that outputs are of."""
    return min((len(array) for array in outputs.values()), default=0)


def cut(outputs: Outputs, part: slice) -> Outputs:
    """The outputs of some images."""
    return {role: array[part] for role, array in outputs.items()}


def parts(outputs: Outputs) -> Iterator[slice]:
    """The images in parts that take little memory."""
    images = count(outputs)
    held = sum(array.nbytes // max(1, len(array)) for array in outputs.values())
    step = max(1, _BYTES_AT_ONCE // max(1, held))
    for start in range(0, images, step):
        yield slice(start, min(start + step, images))


def _beside(assignment: Assignment, reference: Outputs, outputs: Outputs) -> Outputs:
    """The outputs by role, so that numbers can be compared one by one."""
    if not any(one.ranked for one in assignment.outputs):
        return outputs
    names = {one.role: one.output for one in assignment.outputs}
    one, other = ({names[role]: x for role, x in it.items()} for it in (reference, outputs))
    found = tasks.get(assignment.task).aligned(assignment, one, other)
    return {role: found[names[role]] for role in outputs}


def _floored(snr_db: float | None) -> float | None:
    return None if snr_db is None else max(LOWEST_SNR_DB, snr_db)
