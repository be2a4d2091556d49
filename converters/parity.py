"""How far one step of a conversion moved the outputs, and whether a conversion in float32 is right.

A step's figures are those of its worst output over all samples. Beside the whole output its parts
are measured, each index along each axis by itself: a channel of scores between 0 and 1 may be gone
where one of boxes between 0 and 640 leaves the whole at 36 dB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgebench import tasks
from edgebench.converters.artifact import Hop, Part
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.output_error import FLOOR_DB, NEGLIGIBLE, OutputError
from edgebench.errors import ParityError
from edgebench.tasks.agreement import AgreementTally
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Assignment

Outputs = Iterable[Sequence[Array]]

# Measured in November 2026 over the zoo (trained: the digit scenes' models on 256 held-out scenes;
# noise: untrained MobileNetV2 with every attention at 224x224), the worst figure of each:
#
#                     trained: relative error, SNR     noise: SNR
#   torch->onnx              1e-6      124 dB            73 dB
#   tflite:fp32              1e-6      123 dB            73 dB
#   onnx:fp32                2e-6      125 dB            85 dB
#   openvino:fp32            1e-6      124 dB            85 dB
#   coreml:fp32              5e-7      129 dB
#
# A text recogniser with attention came within 1.2e-4 and 95 dB. The bounds leave room for such, and
# stay above what a wrong axis, pad or activation leaves: unrelated outputs of equal power have
# -3 dB, zeros 0 dB.
LEAST_DB = 80.0
LARGEST_ERROR = 1e-3
"""Of the largest output."""

LEAST_DB_ON_NOISE = 60.0
"""Where weights or inputs mean nothing: a network that has learnt nothing amplifies rounding."""

LEAST_DB_OF_A_PART = 20.0

MARGIN_DB = 10.0
"""How far an output may be off beyond what rounding in float32 does to it, and at least
`LEAST_DB_OF_A_CHOICE`: which of two nearly equal numbers is larger decides otherwise."""

LEAST_DB_OF_A_CHOICE = 10.0
"""Other choices altogether leave 3 dB and less: class numbers all have one sign."""


@dataclass(frozen=True)
class Trial:
    """The inputs of a comparison, and what may be read off its outputs.

    `meaningful` says that the model was trained for such inputs: only then what outputs agree in
    says anything. `task` is how outputs are read, None where nobody knows.
    """

    samples: Sequence[Sample]
    outputs: Sequence[str]
    meaningful: bool
    task: Assignment | None = None

    @property
    def unit(self) -> str:
        """What the task counts to tell in what outputs agree, such as images or boxes, or ''."""
        return tasks.get(self.task.task).criterion.unit if self.task and self.meaningful else ""

    @property
    def parts(self) -> bool:
        """Whether each part of an output has to be right by itself."""
        return self.task is None or tasks.get(self.task.task).criterion.parts


def measure(
    step: str, reference: Outputs, outputs: Outputs, trial: Trial, tolerance: str = ""
) -> Hop | None:
    """Compare outputs with a reference, sample by sample.

    None where they hold NaN or infinite values that the reference does not have, or have another
    shape.
    """
    found = _compare(reference, outputs, trial, every=False)
    return None if found.broken else found.hop(step, trial, tolerance)


def prove(
    step: str,
    reference: Outputs,
    outputs: Outputs,
    trial: Trial,
    explain: Callable[[], tuple[str, str]],
    sensitivity: Callable[[], Sequence[float]],
) -> Hop:
    """Compare the outputs of a conversion in float32 with its source's.

    After a failure, `sensitivity` is asked what rounding in float32 does to each output, as an SNR
    in dB: an output that it moves farther than the bounds allow has bounds of its own. If that is
    not why, `explain` gives what is wrong and a remedy. Raises `ParityError`.
    """
    least_db = LEAST_DB if trial.meaningful else LEAST_DB_ON_NOISE
    wanted = f"SNR >= {least_db:g} dB"
    if trial.meaningful:
        wanted += f", max error <= {LARGEST_ERROR:g} of the largest output"
    found = _compare(reference, outputs, trial, every=True)
    failure = found.failure(least_db, trial, {})
    if failure and not found.broken:
        own = {
            name: max(LEAST_DB_OF_A_CHOICE, decibels - MARGIN_DB)
            for name, decibels in zip(trial.outputs, sensitivity(), strict=True)
            if decibels - MARGIN_DB < least_db
        }
        if own and not found.failure(least_db, trial, own):
            failure = ""
            wanted += "".join(f"; '{name}': SNR >= {db:.0f} dB" for name, db in own.items())
    if failure:
        reason, remedy = explain()
        raise ParityError(
            f"{step} does not compute what it should: {failure}, required: {wanted}; {reason}",
            remedy,
        )
    return found.hop(step, trial, wanted)


@dataclass
class _Comparison:
    outputs: list[OutputError]
    names: Sequence[str]
    samples: int = 0
    tally: AgreementTally | None = None

    @property
    def broken(self) -> str:
        """The first output that is not finite or has another shape; '' where there is none."""
        bad = (n for n, o in zip(self.names, self.outputs, strict=True) if o.broken)
        return next(bad, "")

    @property
    def snr_db(self) -> float:
        """The lowest of all outputs that are floats, for that of class numbers says little."""
        floats = [output for output in self.outputs if output.floats]
        return min(output.errors.decibels for output in floats or self.outputs)

    @property
    def part(self) -> Part | None:
        named = zip(self.names, self.outputs, strict=True)
        return _worst(output.worst(name) for name, output in named if output.floats)

    def failure(self, least_db: float, trial: Trial, own: Mapping[str, float]) -> str:
        """What is wrong with a conversion in float32; '' where nothing is.

        `own` has the least SNR of outputs that are held to nothing else, by name.
        """
        if self.broken:
            return f"its output '{self.broken}' holds NaN or infinite values, or has another shape"
        named = list(zip(self.names, self.outputs, strict=True))
        held = [(name, output) for name, output in named if name not in own]
        if all(output.errors.largest_error <= NEGLIGIBLE for _, output in held):
            held = []
        bounds = {name: least_db for name, _ in held} | dict(own)
        levels = {name: output.errors.decibels for name, output in named if name in bounds}
        below = [level for name, level in levels.items() if level < bounds[name]]
        if below:
            return f"the SNR is {min(below):.1f} dB"
        relative = max((output.relative for _, output in held), default=0.0)
        if trial.meaningful and relative > LARGEST_ERROR:
            return f"the largest error is {relative:.2g} of the largest output"
        part = _worst(output.worst(name) for name, output in held)
        if part is not None and part.snr_db < LEAST_DB_OF_A_PART:
            return f"the SNR of {part} is {part.snr_db:.1f} dB"
        return ""

    def hop(self, step: str, trial: Trial, tolerance: str) -> Hop:
        agreement = self.tally.result() if self.tally else None
        return Hop(
            step=step,
            samples=self.samples,
            max_abs_error=max(output.errors.largest_error for output in self.outputs),
            snr_db=None if self.snr_db == math.inf else max(self.snr_db, FLOOR_DB),
            agreement=agreement.share if agreement else None,
            part=self.part if trial.parts else None,
            tolerance=tolerance,
        )


def _worst(parts: Iterable[Part | None]) -> Part | None:
    found = [part for part in parts if part is not None]
    return min(found, key=lambda part: part.snr_db) if found else None


def _compare(reference: Outputs, outputs: Outputs, trial: Trial, every: bool) -> _Comparison:
    """With `every` all of the rows of a detector have to be there, not only those worth showing."""
    task = trial.task if trial.meaningful else None
    tally = AgreementTally(tasks.get(task.task), task) if task else None
    found = _Comparison([OutputError() for _ in trial.outputs], trial.outputs, tally=tally)
    for wanted, there in zip(reference, outputs, strict=True):
        beside = aligned(trial.task, trial.outputs, wanted, there, every)
        for output, a, b in zip(found.outputs, wanted, beside, strict=True):
            output.add(a, b)
        found.samples += 1
        if task and tally and not found.broken and all(np.isfinite(a).all() for a in wanted):
            tally.add(_kept(task, trial.outputs, wanted), _kept(task, trial.outputs, there))
    return found


def aligned(
    task: Assignment | None,
    names: Sequence[str],
    reference: Sequence[Array],
    outputs: Sequence[Array],
    every: bool = False,
) -> Sequence[Array]:
    """A sample's outputs as `Task.aligned` gives them, in their sequence."""
    if task is None:
        return outputs
    one, other = (dict(zip(names, side, strict=True)) for side in (reference, outputs))
    found = tasks.get(task.task).aligned(task, one, other, every)
    return [found[name] for name in names]


def _kept(task: Assignment, names: Sequence[str], outputs: Sequence[Array]) -> dict[str, Array]:
    """What the task keeps of a sample's outputs, by role."""
    by_name = dict(zip(names, outputs, strict=True))
    return {one.role: reduce(one.reduction, one.output, by_name) for one in task.outputs}
