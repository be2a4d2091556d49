"""The trials of one search: which mixes are tried next, and what each came to, kept on disk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from edgebench.converters.adjusting import adjust
from edgebench.converters.drift.document import LayerDrift
from edgebench.converters.drift.subject import DriftSubject
from edgebench.converters.export import request as requests
from edgebench.converters.export.batches import Batch
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.mending import worst_layers
from edgebench.converters.mending.budget import Budget, snr_db
from edgebench.converters.mending.document import Loss, MendingSearch, MendingTrial
from edgebench.converters.mending.judge import Choice, Judge, literal
from edgebench.converters.mending.node_times import node_times
from edgebench.converters.precision import Adjustment, Exceptions, MixedPrecision, RangeMethod
from edgebench.converters.targets import Target
from edgebench.documents import load, save
from edgebench.errors import InvalidFileError
from edgebench.progress import Progress

LEAST_GAIN_DB = 1.0

HELPS_DB = 0.1
"""By so much at least an adjustment has to make the outputs better to be kept."""


class _LateError(Exception):
    """The time of the search is up."""


class Trials:
    """Tries mixes, and keeps what they came to on disk."""

    def __init__(
        self,
        request: ExportRequest,
        target: Target,
        subject: DriftSubject,
        progress: Progress,
        ends: float,
    ) -> None:
        self._request, self._target, self._ends = request, target, ends
        self._subject, self._progress = subject, progress
        self._fingerprint = requests.fingerprint(request, target)
        path = request.path(target)
        self._path: Path = path.with_name(f"{path.name}.mending.json")
        self._trials = {(one.adjustments, one.nodes): one for one in self._read()}
        self._judge = Judge(request, target, subject, progress)

    @property
    def late(self) -> bool:
        return time.monotonic() > self._ends

    def plain(self) -> MendingTrial:
        """What the precision loses as it is."""
        return self._trial((), (), 0)

    def adjusted(self) -> MendingTrial:
        """What costs no time: each adjustment that helps, on top of those before it."""
        best = self.plain()
        for one in adjust.offered(self._target, bool(self._subject.graph.ranges)):
            if self.late:
                break
            self._progress(f"mend {self._target}: {one}", len(self._trials), 0)
            tried = self._trial((*best.adjustments, one), (), 0, best.ranges)
            if snr_db(tried.loss) >= snr_db(best.loss) + HELPS_DB:
                best = tried
        return best

    def confirmed(self, found: MendingTrial) -> Loss:
        """What is lost on the images that decided nothing."""
        made = self._converted((found.adjustments, found.nodes))
        return self._judge.loss(*made, self._judge.confirming)

    def tried(self, found: MendingTrial) -> tuple[tuple[MendingTrial, float], ...]:
        """All trials, and of each the share of the model's time in float32 that stays in float32,
        by the times of this machine."""
        trials = tuple(self._trials.values())
        if not any(one.nodes for one in trials):
            return tuple((one, 0.0) for one in trials)
        model = self._converted((found.adjustments, found.nodes))[0].form.graph.model
        times = node_times(model, self._subject.samples[0])
        total = sum(times.values()) or 1.0
        return tuple(
            (one, sum(times.get(node, 0.0) for node in one.nodes) / total) for one in trials
        )

    def _trial(
        self,
        adjustments: tuple[Adjustment, ...],
        nodes: tuple[str, ...],
        layers: int,
        ranges: RangeMethod | None = None,
    ) -> MendingTrial:
        """One trial, with these ranges or those that suit it."""
        if (adjustments, nodes) not in self._trials:
            batch, target = self._converted((adjustments, nodes), ranges)
            loss = self._judge.loss(batch, target, self._judge.deciding)
            method = batch.ranges[target].method
            done = MendingTrial(adjustments, nodes, layers, method, loss)
            self._trials[adjustments, nodes] = done
            save(self._path, MendingSearch(self._fingerprint, tuple(self._trials.values())))
        return self._trials[adjustments, nodes]

    @staticmethod
    def _nodes(chosen: Sequence[LayerDrift]) -> tuple[str, ...]:
        """The nodes of layers; with a value that shares a concatenation's scale, that one too."""
        nodes = [node for one in chosen for node in one.nodes]
        nodes += [
            str(one.cause.values["op"])
            for one in chosen
            if one.cause is not None and one.cause.id == "shared_scale"
        ]
        return tuple(dict.fromkeys(nodes))

    def within(self, budget: Budget) -> MendingTrial:
        """The fewest layers that were found to keep the loss within the budget, else the best.

        Each round frees those that make half of the error that is left, and at least as many as
        are free already, so that a few rounds reach the last layer. What is wrong with a value may
        only move to where it is read, so the layers are ranked anew after each round, and so are
        the ways to take ranges: without the layers that have outliers, extremes may be the best.
        """
        base = self.adjusted()
        if base.adjustments and budget.surely_holds(base.loss):
            return base
        tried = [base]

        def trial(chosen: Sequence[LayerDrift], ranges: RangeMethod | None = None) -> MendingTrial:
            return self._trial(base.adjustments, self._nodes(chosen), len(chosen), ranges)

        def enough(chosen: Sequence[LayerDrift], ranges: RangeMethod | None = None) -> bool:
            self._progress(f"mend {self._target}: layers in float32", len(self._trials), 0)
            tried.append(trial(chosen, ranges))
            # By chance alone a coarse figure may be better; what mends has less of an error, too.
            cleaner = snr_db(tried[-1].loss) >= snr_db(base.loss) + LEAST_GAIN_DB
            return cleaner and budget.surely_holds(tried[-1].loss)

        chosen: list[LayerDrift] = []
        while not self.late:
            more = self._half((base.adjustments, self._nodes(chosen)), len(chosen))
            if not more or self.late:
                break
            if enough([*chosen, *more]):
                low, high, ranges = 0, len(more), tried[-1].ranges
                while high - low > 1 and not self.late:
                    middle = (low + high) // 2
                    if enough([*chosen, *more[:middle]], ranges):
                        high = middle
                    else:
                        low = middle
                return trial([*chosen, *more[:high]])
            chosen += more
        return min(tried, key=lambda one: budget.order(one.loss))

    def mix(self, found: MendingTrial, budget: Budget) -> MixedPrecision:
        """The trial as a precision that can be kept and exported again."""
        return MixedPrecision(
            name=f"{self._target.base}-within-{budget.name}",
            base=self._target.base,
            exceptions=tuple(Exceptions(literal(node)) for node in found.nodes),
            recipe=(
                f"found for {self._request.name} in {self._target}: {found.described} change the "
                f"loss in {found.loss.figure} to {100 * found.loss.value:.2f} points and the SNR "
                f"to {snr_db(found.loss):.1f} dB, for a budget of {budget}"
            ),
            ranges=found.ranges,
            adjustments=found.adjustments,
        )

    def _converted(self, choice: Choice, ranges: RangeMethod | None = None) -> tuple[Batch, Target]:
        """With the ranges of its trial, if there was one."""
        tried = self._trials.get(choice)
        return self._judge.converted(choice, tried.ranges if tried else ranges)

    def _half(self, choice: Choice, at_least: int) -> list[LayerDrift]:
        """The layers to free next; none when the time is up."""
        batch, target = self._converted(choice)

        def progress(step: str, done: int, total: int) -> None:
            if self.late:
                raise _LateError
            self._progress(step, done, total)

        samples, task = self._judge.furthest(batch, target), self._subject.read.task
        try:
            return worst_layers.half(batch, target, choice[1], at_least, samples, task, progress)
        except _LateError:
            return []

    def _read(self) -> Sequence[MendingTrial]:
        """What an earlier search of the same model tried."""
        if not self._path.exists():
            return ()
        try:
            kept = load(self._path, MendingSearch)
        except InvalidFileError:
            return ()
        return kept.trials if kept.fingerprint == self._fingerprint else ()
