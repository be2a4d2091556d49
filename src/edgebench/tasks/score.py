"""The figures of a metric, for documents that are read where there is no NumPy."""

from __future__ import annotations

from dataclasses import dataclass

from edgebench.estimate import Estimate


@dataclass(frozen=True)
class Score:
    """The figures of a metric by id, each with its 95 % interval over the images.

    Of a difference they are differences, of the same images. `few` says that there are too few
    images for an interval: it is all that the figure could be, then.
    """

    images: int
    figures: dict[str, Estimate]
    few: bool = False
