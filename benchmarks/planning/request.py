"""The request: what a user asked to have measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgebench.deploy.documents.plan import Delegate
from edgebench.errors import UsageError

DEFAULT_BUDGET_S = 90.0

DETECT_LIMIT_S = 1200.0
"""The limit of a run that has no budget but an overhead to detect."""


@dataclass(frozen=True)
class RunRequest:
    """One run. It is kept in the run folder, so that resuming needs no options.

    artifacts: folder of the artifacts.
    models, formats, precisions: names to measure; None for all that are there.
    baseline: the model that all are compared with; None for each model's own.
    against_itself: measure each baseline against itself too (A/A), which shows the noise floor.
    threshold: the largest overhead accepted as negligible, as a fraction.
    budget_s: measuring time in seconds; None for as long as `detect` takes, or without that for
        `DEFAULT_BUDGET_S`.
    detect: the overhead to detect with 90 % power, as a fraction; None for the smallest that the
        budget allows.
    cores: CPU cores to pin to; None for all.
    cool_down: before each process wait until the device is as cool as it was at the start.
    whole_budget: measure for the whole budget, even if the verdicts are clear before.
    images: evaluation inputs to run, the first ones; None for all, or `run.EMULATED_IMAGES` where
        the device is emulated.
    sustain_s: seconds of load without a pause, in place of a measurement of overheads; None for one
        of those.
    floor: folder of artifacts that are next to nothing, whose time is that of the call itself; None
        to measure none.
    profile: finally run every artifact under its runtime's own profiler.
    out: the folder in which run folders are created.

    Raises `UsageError` for values out of range.
    """

    SCHEMA: ClassVar[str] = "edgebench.request/1"

    artifacts: str
    device: str = "local"
    models: tuple[str, ...] | None = None
    formats: tuple[str, ...] | None = None
    precisions: tuple[str, ...] | None = None
    baseline: str | None = None
    against_itself: bool = False
    threshold: float = 0.05
    budget_s: float | None = None
    detect: float | None = None
    threads: int = 1
    cores: tuple[int, ...] | None = None
    delegate: Delegate = "xnnpack"
    seed: int = 0
    out: str = "runs"
    profile: bool = False
    cool_down: bool = False
    whole_budget: bool = False
    images: int | None = None
    sustain_s: float | None = None
    floor: str | None = None

    def __post_init__(self) -> None:
        for name, valid, remedy in (
            ("threshold", 0 < self.threshold < 1, "give a share such as 5%"),
            ("budget", self.budget_s is None or self.budget_s > 0, "give a time such as 60s"),
            ("detect", self.detect is None or 0 < self.detect < 1, "give a share such as 3%"),
            (
                "time to sustain",
                self.sustain_s is None or self.sustain_s > 0,
                "give one such as 10m",
            ),
            ("threads", self.threads > 0, "give 1 or more"),
            ("images", self.images is None or self.images > 0, "give 1 or more"),
            ("cores", self.cores is None or bool(self.cores), "name one core or more, such as 0,1"),
        ):
            if not valid:
                raise UsageError(f"the {name} asked for is out of range", remedy)

    @property
    def limit_s(self) -> float | None:
        """The measuring time; None for as long as it takes to detect what is asked for."""
        if self.budget_s is None and self.detect is None:
            return DEFAULT_BUDGET_S
        return self.budget_s
