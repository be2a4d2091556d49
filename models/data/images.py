"""The one form in which labelled images travel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ImageSet:
    """Images (N, H, W, 3) and what is needed to feed and to cite them.

    `labels` is (N,), or empty where the source has none. `mean` and `std` are per channel, for
    pixels scaled to [0, 1]. `recipe_sha256` identifies the source and every parameter that shaped
    the pixels. `left_out` says which images could not be read, and why.
    """

    images: Pixels
    labels: Labels
    class_names: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    recipe_sha256: str
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def labelled(self) -> bool:
        return len(self.labels) == len(self.images)


def normalise(
    images: Pixels, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> Floats:
    """Scale pixels (N, H, W, 3) to [0, 1], standardise each channel, and give (N, 3, H, W)."""
    scale = 1.0 / (255.0 * np.asarray(std, np.float32))
    shift = np.asarray(mean, np.float32) / np.asarray(std, np.float32)
    floats = images.astype(np.float32) * scale.astype(np.float32) - shift
    return np.ascontiguousarray(floats.transpose(0, 3, 1, 2))
