"""Files with some adjustments and exceptions, and what each loses against the source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from edgebench.converters.backend import Instructions
from edgebench.converters.drift.chain import ChainLink, follow
from edgebench.converters.drift.document import HopDifference
from edgebench.converters.drift.subject import DriftSubject
from edgebench.converters.export.batches import Batch, convert
from edgebench.converters.export.formats import pipeline_for
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.mapped import Mapped
from edgebench.converters.mending.document import Loss
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.precision import Adjustment, Exceptions, MixedPrecision, RangeMethod
from edgebench.converters.targets import FORMATS, Target
from edgebench.errors import InvalidFileError
from edgebench.intervals import Estimate
from edgebench.models.data.parts import halves
from edgebench.progress import Progress

Choice = tuple[tuple[Adjustment, ...], tuple[str, ...]]
"""What is adjusted, and which nodes stay in float32."""

UNKNOWN = Estimate(1.0, 0.0, 1.0)
"""The agreement of outputs that nothing says how to read."""


class Judge:
    """Converts and compares for one target; half of the images decide, and half confirm."""

    def __init__(
        self, request: ExportRequest, target: Target, subject: DriftSubject, progress: Progress
    ) -> None:
        self._request, self._target = request, target
        self._subject, self._progress = subject, progress
        self.deciding, confirming = halves(len(subject.samples))
        self.confirming = confirming or self.deciding
        self._expected: dict[tuple[int, ...], list[Sequence[Array]]] = {}
        self._last: tuple[Choice, tuple[Batch, Target]] | None = None

    def loss(self, batch: Batch, target: Target, places: Sequence[int]) -> Loss:
        """Compare a file with the source on the images at these places."""
        return self.loss_of(self._run(batch, target, places), places)

    def furthest(self, batch: Batch, target: Target) -> list[Sample]:
        """The few images, of those that decide, on which a file is furthest from the source."""
        found = self._difference(self._run(batch, target, self.deciding), self.deciding)
        return [self._subject.samples[self.deciding[place]] for place in found.furthest]

    def loss_of(self, outputs: Iterable[Sequence[Array]], places: Sequence[int]) -> Loss:
        """Compare what something made of the images at these places with the source."""
        source = self._difference(outputs, places)
        error_db = source.worst.snr_error_db if source.worst else 0.0
        counts = len(places), source.expected, error_db
        for figure in source.figures:
            if (change := figure.difference) is not None:
                lost = max(0.0, -change.value)
                return Loss(figure.id, lost, change, source.snr_db, *counts)
        agreement = source.agreement or UNKNOWN
        return Loss("agreement", 1 - agreement.value, agreement, source.snr_db, *counts)

    def _difference(
        self, outputs: Iterable[Sequence[Array]], places: Sequence[int]
    ) -> HopDifference:
        subject = self._subject
        links = [
            ChainLink("source", "source", self._wanted(places)),
            ChainLink("file", str(self._target), outputs),
        ]
        read = replace(subject.read, places=places)
        hop = follow(links, read, len(places), self._progress).hops[1]
        if hop.source is None:
            raise InvalidFileError(f"{self._target} cannot be compared: {hop.failure}", "see drift")
        return hop.source

    def _run(self, batch: Batch, target: Target, places: Sequence[int]) -> Iterator[list[Array]]:
        """What a file makes of the images at these places."""
        form = FORMATS[self._target.format]
        opened = form.load().open_converted(
            batch.form.graph, batch.contents[target], form.kernels_vary
        )
        return opened.run_all(Mapped(places, self._subject.samples.__getitem__))

    def _wanted(self, places: Sequence[int]) -> Sequence[Sequence[Array]]:
        """What the source makes of them, computed once."""
        key = tuple(places)
        if key not in self._expected:
            samples = Mapped(places, self._subject.samples.__getitem__)
            self._expected[key] = list(reference.stream(self._subject.graph.model, samples))
        return self._expected[key]

    def converted(self, choice: Choice, ranges: RangeMethod | None) -> tuple[Batch, Target]:
        """A file with these adjustments and exceptions; the last one is kept.

        Raises what a conversion raises.
        """
        if self._last is not None and self._last[0] == choice:
            return self._last[1]
        (adjustments, nodes), target = choice, self._target
        if adjustments or nodes:
            exceptions = tuple(Exceptions(literal(node)) for node in nodes)
            mix = MixedPrecision(
                "trial", target.base, exceptions, ranges=ranges, adjustments=adjustments
            )
            target = Target(target.format, mix.name, mix)
        subject = self._subject
        instructions = Instructions(
            subject.preprocessing, subject.labels, self._request.ios, self._request.image_input
        )
        batches, failed = convert(
            subject.graph,
            {target: pipeline_for(self._request, target)},
            subject.data,
            instructions,
            self._request.ranges,
            subject.read.task,
            self._progress,
        )
        if failed:
            raise failed[target]
        self._last = choice, (batches[0], target)
        return self._last[1]


def literal(node: str) -> str:
    """A pattern that matches this name alone."""
    return re.sub(r"([*?[])", r"[\1]", node)
