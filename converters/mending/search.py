"""The cheapest mix of int8 and float32 layers that keeps a model within its budget of accuracy.

What costs no time comes first: the weights are adjusted in each way that helps, on top of those
before. If that is not enough, layers go to float32. Round by round those that make half of the
error are freed, those first that cost the outputs most for each microsecond that they take in
float32, until the file is within the budget; of the last round as few are kept as are needed. So a
network of a hundred layers takes about ten conversions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgebench.converters.adjusting import adjust
from edgebench.converters.drift.document import LayerDrift
from edgebench.converters.drift.subject import DriftSubject, open_subject
from edgebench.converters.export import request as requests
from edgebench.converters.export.batches import Batch
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.mending import worst_layers
from edgebench.converters.mending.budget import Budget, snr_db
from edgebench.converters.mending.document import Loss, MendingSearch, MendingTrial
from edgebench.converters.mending.judge import Choice, Judge, literal
from edgebench.converters.precision import Adjustment, Exceptions, MixedPrecision
from edgebench.converters.targets import FORMATS, Target
from edgebench.documents import load, save
from edgebench.errors import InvalidFileError, UsageError
from edgebench.progress import Progress

IMAGES = 400
"""Of so many images half decide and half confirm."""

ROUNDS = 8

LEAST_GAIN_DB = 1.0

HELPS_DB = 0.1
"""By so much at least an adjustment has to make the outputs better to be kept."""

_WORDS: Mapping[Adjustment, str] = {
    "equalised": "equalised channels",
    "rounded": "weights rounded by layer",
    "corrected": "corrected biases",
}


@dataclass(frozen=True)
class Mended:
    """What the search came to: `plain` is the precision as asked for, `found` the best within.

    `target` is the one to export. `confirmed` is the loss of `found` on other images. A search that
    ran out of time is not `finished`.
    """

    asked: Target
    target: Target
    plain: MendingTrial
    found: MendingTrial
    confirmed: Loss
    budget: Budget
    finished: bool
    within: bool


def mend(
    request: ExportRequest,
    target: Target,
    budget: Budget,
    images: int,
    progress: Progress,
    limit_s: float = math.inf,
) -> Mended:
    """Search for one target of a request; after `limit_s` seconds nothing more is begun, and the
    comparison of layers, which takes longest, ends after the image that it is at.

    Half of the images decide, and the other half confirm. Raises `UsageError` for a target that
    can have no exceptions and for a model without a task, and what an export raises.
    """
    if target.base not in FORMATS[target.format].mixable or target.mix is not None:
        known = ", ".join(sorted(FORMATS[target.format].mixable))
        raise UsageError(
            f"{target} can have no exceptions, so that nothing can be mended",
            f"leave --accuracy-budget out, or name one of {target.format}'s: {known}",
        )
    asked = replace(request, targets=(target,))
    subject = open_subject(asked, images, progress)
    if subject.read.task is None and budget.snr_db is None:
        raise UsageError(
            "an accuracy budget needs a trained model, its task, and data to measure on",
            "give labelled images with --data and name the task with --task, or give the budget "
            "as the least SNR of the outputs, such as --accuracy-budget 20dB",
        )
    search = _Search(asked, target, subject, progress, time.monotonic() + limit_s)
    plain = search.plain()
    found = plain if budget.surely_holds(plain.loss) else search.within(budget)
    found = never_worse(plain, found, budget)
    chosen = target
    if found.nodes or found.adjustments:
        chosen = Target(target.format, (mix := search.mix(found, budget)).name, mix)
    return Mended(
        asked=target,
        target=chosen,
        plain=plain,
        found=found,
        confirmed=search.confirmed(found),
        budget=budget,
        finished=budget.holds(found.loss) or not search.late,
        within=budget.holds(found.loss),
    )


def never_worse(plain: MendingTrial, found: MendingTrial, budget: Budget) -> MendingTrial:
    """What was found, if it loses less: else it would be slower and not better."""
    less = budget.order(found.loss)[0] < budget.order(plain.loss)[0]
    return found if less else plain


class _LateError(Exception):
    """The time of the search is up."""


class _Search:
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
            tried = self._trial((*best.adjustments, one), (), 0)
            if snr_db(tried.loss) >= snr_db(best.loss) + HELPS_DB:
                best = tried
        return best

    def confirmed(self, found: MendingTrial) -> Loss:
        """What is lost on the images that decided nothing."""
        made = self._converted((found.adjustments, found.nodes))
        return self._judge.loss(*made, self._judge.confirming)

    def _trial(
        self, adjustments: tuple[Adjustment, ...], nodes: tuple[str, ...], layers: int
    ) -> MendingTrial:
        if (adjustments, nodes) not in self._trials:
            batch, target = self._converted((adjustments, nodes))
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

        Each round frees those that make half of the error that is left; what is wrong with a
        value may only move to where it is read, so the layers are ranked anew after each round.
        """
        base = self.adjusted()
        if base.adjustments and budget.surely_holds(base.loss):
            return base
        tried = [base]

        def trial(chosen: Sequence[LayerDrift]) -> MendingTrial:
            return self._trial(base.adjustments, self._nodes(chosen), len(chosen))

        def enough(chosen: Sequence[LayerDrift]) -> bool:
            self._progress(f"mend {self._target}: layers in float32", len(self._trials), 0)
            tried.append(trial(chosen))
            # By chance alone a coarse figure may be better; what mends has less of an error, too.
            cleaner = snr_db(tried[-1].loss) >= snr_db(base.loss) + LEAST_GAIN_DB
            return cleaner and budget.surely_holds(tried[-1].loss)

        chosen: list[LayerDrift] = []
        for _ in range(ROUNDS):
            if self.late:
                break
            more = self._half((base.adjustments, self._nodes(chosen)))
            if not more or self.late:
                break
            if enough([*chosen, *more]):
                low, high = 0, len(more)
                while high - low > 1 and not self.late:
                    middle = (low + high) // 2
                    if enough([*chosen, *more[:middle]]):
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
                f"found for {self._request.name} in {self._target}: {described(found)} change the "
                f"loss in {found.loss.figure} to {100 * found.loss.value:.2f} points and the SNR "
                f"to {snr_db(found.loss):.1f} dB, for a budget of {budget}"
            ),
            ranges=found.ranges,
            adjustments=found.adjustments,
        )

    def _converted(self, choice: Choice) -> tuple[Batch, Target]:
        """The ranges are those that suit the plain precision."""
        plain = choice == ((), ())
        return self._judge.converted(choice, None if plain else self.plain().ranges)

    def _half(self, choice: Choice) -> list[LayerDrift]:
        """The layers to free next; none when the time is up."""
        batch, target = self._converted(choice)

        def progress(step: str, done: int, total: int) -> None:
            if self.late:
                raise _LateError
            self._progress(step, done, total)

        samples, task = self._subject.samples, self._subject.read.task
        try:
            return worst_layers.half(batch, target, choice[1], samples, task, progress)
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


def described(trial: MendingTrial) -> str:
    """What is done, in words, such as "corrected biases and 3 layers in float32"."""
    words = [_WORDS[one] for one in trial.adjustments]
    if trial.layers:
        words.append(f"{trial.layers} layer{'' if trial.layers == 1 else 's'} in float32")
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
