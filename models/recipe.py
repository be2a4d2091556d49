"""What a recipe may add to the papers' plain one: each is off unless asked for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

# Zhong et al., "Random Erasing Data Augmentation", AAAI 2020, section 4.2 and table 1.
ERASED_AREA = (0.02, 0.4)
ERASED_RATIO = (0.3, 1 / 0.3)
_TRIES = 10


def averaged(module: nn.Module, decay: float) -> AveragedModel | None:
    """A copy that follows the weights and statistics slowly; None without a decay."""
    if not decay:
        return None
    follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(module, multi_avg_fn=follow, use_buffers=True)


def erased(
    images: Tensor, probability: float, seed: tuple[int, ...], rank: int, world: int
) -> Tensor:
    """(B, 3, S, S) normalised images, each with a rectangle of noise by this chance.

    An image's draw depends on the seed and its place in the batch of all processes alone.
    """
    if not probability:
        return images
    images = images.clone()
    for i, image in enumerate(images):
        rng = np.random.default_rng((*seed, rank + i * world))
        if rng.random() < probability:
            _erase(image, rng)
    return images


def _erase(image: Tensor, rng: np.random.Generator) -> None:
    channels, height, width = image.shape
    for _ in range(_TRIES):
        area = rng.uniform(*ERASED_AREA) * height * width
        ratio = np.exp(rng.uniform(*np.log(ERASED_RATIO)))
        rows, columns = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < rows < height and 0 < columns < width:
            top, left = rng.integers(height - rows), rng.integers(width - columns)
            noise = rng.standard_normal((channels, rows, columns), np.float32)
            image[:, top : top + rows, left : left + columns] = torch.from_numpy(noise)
            return
