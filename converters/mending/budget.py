"""How much a file may lose beside its source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgebench.converters.mending.document import Loss
from edgebench.estimate import Estimate

ALIKE_DB = 40.0
"""With this SNR differences do not matter (`edgebench drift` says the same)."""

_SIGMAS = 1.96
"""A 95 % interval reaches so many standard errors; five in six are within one on one side."""

EQUAL_DB = 200.0
"""What stands for no error: documents hold no infinity."""


@dataclass(frozen=True)
class Budget:
    """A share of the task's figure, such as 0.005; or the least SNR of the worst output in dB.

    An SNR needs no labels and no task. It is what to ask for where a share says little: most
    values of a text recogniser's softmax are near zero, and alike whatever it reads.
    """

    share: float | None = None
    snr_db: float | None = None

    def __post_init__(self) -> None:
        assert (self.share is None) != (self.snr_db is None)

    @staticmethod
    def read(text: str) -> Budget:
        """From words such as 0.5%, 0.005 or 20dB. Raises `ValueError`."""
        number = text.lower().removesuffix("db")
        if number != text.lower():
            value = float(number)
            if not 0 < value < EQUAL_DB:
                raise ValueError(text)
            return Budget(snr_db=value)
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        if not 0 < share < 1:
            raise ValueError(text)
        return Budget(share)

    def __str__(self) -> str:
        return f"{self.snr_db:g} dB" if self.share is None else f"{100 * self.share:g} points"

    @property
    def name(self) -> str:
        """As a part of a file's name."""
        number = f"{self.snr_db:g}dB" if self.share is None else f"{100 * self.share:g}"
        return number.replace(".", "p")

    def holds(self, loss: Loss) -> bool:
        """Whether the loss is within the budget."""
        if self.share is not None:
            return lost(loss) <= self.share
        assert self.snr_db is not None
        return snr_db(loss) >= self.snr_db

    def surely_holds(self, loss: Loss) -> bool:
        """Whether five in six such measurements of a loss within the budget are right.

        Of many files, the first that is within the budget is often so by chance. Where the images
        are too few to tell, a file that loses nothing on them is the best that can be found, and
        one with an SNR of `ALIKE_DB` does what the source does.
        """
        if not self.holds(loss):
            return False
        if self.share is None:
            assert self.snr_db is not None
            return snr_db(loss) - loss.snr_error_db >= self.snr_db
        margin = _uncertainty(loss) / _SIGMAS
        return lost(loss) + margin <= self.share or lost(loss) <= 0.0 or snr_db(loss) >= ALIKE_DB

    def images_needed(self, loss: Loss) -> int | None:
        """How many images would tell a loss from the budget; None where these are enough.

        An interval narrows with the square root of the number of images.
        """
        if self.share is None or (far := _reach(loss.interval)) <= self.share:
            return None
        return math.ceil(loss.images * (far / self.share) ** 2)

    def figure(self, loss: Loss) -> float:
        """What is kept, for a tool that takes a figure and how far it may drop (`max_drop`).

        It is 1 for what loses nothing that counts; NNCF divides by it.
        """
        return 1 - lost(loss) if self.snr_db is None else 1 + min(0, snr_db(loss) - self.snr_db)

    @property
    def max_drop(self) -> float:
        return 0.0 if self.share is None else self.share

    def order(self, loss: Loss) -> tuple[float, float]:
        """What is least for the best: what the budget counts, and of equals the other."""
        noise = -snr_db(loss)
        return (lost(loss), noise) if self.share is not None else (noise, lost(loss))


def lost(loss: Loss) -> float:
    """What a share is compared with: what is to be expected where the task can tell, as it is known
    better than what a few images happened to lose."""
    return loss.value if loss.expected is None else loss.expected.value


def _uncertainty(loss: Loss) -> float:
    """How much more than that may be lost, by the 95 % interval."""
    if loss.expected is None:
        return _reach(loss.interval)
    return loss.expected.high - loss.expected.value


def _reach(change: Estimate) -> float:
    return change.value - change.low


def snr_db(loss: Loss) -> float:
    """That of the outputs as a number; documents hold none for no error."""
    return EQUAL_DB if loss.snr_db is None else loss.snr_db
