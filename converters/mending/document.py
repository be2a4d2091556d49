"""What the search for a mixed precision tried, as a document, so that it can be continued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from edgebench.converters.precision import Adjustment, RangeMethod
from edgebench.intervals import Estimate

_WORDS: Mapping[Adjustment, str] = {
    "equalised": "equalised channels",
    "rounded": "weights rounded by layer",
    "corrected": "corrected biases",
}


@dataclass(frozen=True)
class Loss:
    """What a file loses against the source, on images that it was not calibrated on.

    `value` is the drop of the task's first figure where there are labels, and otherwise the share
    that does not agree; `figure` names it. `interval` is that of the figure's own change, or of
    the agreement, over so many `images`. `expected` is what errors like these are to cost on many
    more images, where the task can tell (`tasks.exchanged`). `snr_error_db` is the standard error
    of the SNR over the images.
    """

    figure: str
    value: float
    interval: Estimate
    snr_db: float | None
    images: int = 0
    expected: Estimate | None = None
    snr_error_db: float = 0.0


@dataclass(frozen=True)
class MendingTrial:
    """What is adjusted, which nodes stay in float32, and what the file then loses.

    `ranges` is how those of the activations were chosen.
    """

    adjustments: tuple[Adjustment, ...]
    nodes: tuple[str, ...]
    layers: int
    ranges: RangeMethod
    loss: Loss

    @property
    def described(self) -> str:
        """What is done, in words, such as "corrected biases and 3 layers in float32"."""
        words = [_WORDS[one] for one in self.adjustments]
        if self.layers:
            words.append(f"{self.layers} layer{'' if self.layers == 1 else 's'} in float32")
        return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


@dataclass(frozen=True)
class MendingSearch:
    """All that was tried of one model and target; `fingerprint` is that of what it was made of."""

    SCHEMA: ClassVar[str] = "edgebench.mending/2"

    fingerprint: str
    trials: tuple[MendingTrial, ...]
