"""The cheapest mix of int8 and float32 layers that keeps a model within its budget of accuracy.

What costs no time comes first: the weights are adjusted in each way that helps, on top of those
before. If that is not enough, layers go to float32. Round by round those that make half of the
error are freed, and at least as many as are free already, until the file is within the budget. Of
the last round as few are kept as are needed: those that cost the outputs most for each microsecond
that they take in float32. So a network of a hundred layers takes about ten conversions. The layers
are compared on the images on which the file errs most.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

from edgebench.converters.drift.subject import open_subject
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.mending.budget import Budget
from edgebench.converters.mending.document import Loss, MendingTrial
from edgebench.converters.mending.trials import Trials
from edgebench.converters.targets import FORMATS, Target
from edgebench.errors import UsageError
from edgebench.progress import Progress

IMAGES = 400
"""Of so many images half decide and half confirm."""


@dataclass(frozen=True)
class Mended:
    """What the search came to: `plain` is the precision as asked for, `found` the best within.

    `target` is the one to export. `confirmed` is the loss of `found` on other images. `tried` has
    all trials, each with the share of the model's time in float32 that its layers in float32 take.
    A search that ran out of time is not `finished`.
    """

    asked: Target
    target: Target
    plain: MendingTrial
    found: MendingTrial
    confirmed: Loss
    tried: tuple[tuple[MendingTrial, float], ...]
    budget: Budget
    finished: bool
    within: bool

    @property
    def front(self) -> list[tuple[MendingTrial, float]]:
        """The trials that lose less than all with less time in float32, from the fastest on."""
        kept: list[tuple[MendingTrial, float]] = []
        for one, share in sorted(self.tried, key=lambda pair: (pair[1], self._order(pair[0]))):
            if not kept or self._order(one)[0] < self._order(kept[-1][0])[0]:
                kept.append((one, share))
        return kept

    def _order(self, trial: MendingTrial) -> tuple[float, float]:
        return self.budget.order(trial.loss)


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
    search = Trials(asked, target, subject, progress, time.monotonic() + limit_s)
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
        tried=search.tried(found),
        budget=budget,
        finished=budget.holds(found.loss) or not search.late,
        within=budget.holds(found.loss),
    )


def never_worse(plain: MendingTrial, found: MendingTrial, budget: Budget) -> MendingTrial:
    """What was found, if it loses less: else it would be slower and not better."""
    less = budget.order(found.loss)[0] < budget.order(plain.loss)[0]
    return found if less else plain
