"""The images on which a file errs most.

Of a detector's scores a few images hold most of the error: those of 6 in 70 made half of it for a
YOLOv8 in int8. The layers that err there are those that cost accuracy, and four other images may
show none of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgebench.converters.output_error import KindErrors


def worst(outputs: Sequence[Sequence[KindErrors]], count: int) -> tuple[int, ...]:
    """The places of the `count` images with the largest errors, the largest first.

    `outputs` has for each output the errors of each image, or none where it was not compared. An
    image's error is its sum of squares over the reference's of all images, and the kinds of numbers
    in an output count alike.
    """
    errors = [
        [[of_kind.noise, of_kind.signal] for output in image for of_kind in output.errors]
        for image in zip(*filter(None, outputs), strict=True)
    ]
    if not errors:
        return ()
    noise, signal = np.moveaxis(np.array(errors), -1, 0)
    total = signal.sum(axis=0)
    shares = (noise / np.where(total, total, 1)).sum(axis=1)
    return tuple(int(place) for place in np.argsort(-shares, kind="stable")[:count])
