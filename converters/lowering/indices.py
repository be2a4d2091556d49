"""Indices as formats without batch axes take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def batch_indices(shape: Sequence[int], batch: int) -> NDArray[np.int64]:
    """The place of each of GatherND's indices in the batch, (*shape[:-1], batch).

    A format that has no `batch_dims` takes them before the indices, as if they were some too.
    """
    places: NDArray[Any] = np.moveaxis(np.indices(shape[:batch]), 0, -1)
    places = places.reshape(*shape[:batch], *(1,) * (len(shape) - 1 - batch), batch)
    return np.broadcast_to(places, (*shape[:-1], batch)).astype(np.int64)
