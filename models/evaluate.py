"""Top-1 accuracy with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from edgebench.intervals import share
from edgebench.models.data.images import ImageSet, normalise
from edgebench.models.manifest import Accuracy


def accuracy(
    module: nn.Module, parts: Iterable[ImageSet], device: torch.device, batch_size: int = 250
) -> Accuracy | None:
    """Evaluate a network in evaluation mode on a labelled set given in parts; None if it is empty.

    The interval is Wilson's (1927) score interval at 95 %.
    """
    was_training = module.training
    module.eval()
    correct = count = 0
    for images, labels in _batches(parts, batch_size):
        with torch.inference_mode():
            logits = module(images.to(device, memory_format=torch.channels_last))
        correct += int((logits.argmax(1).cpu() == labels).sum())
        count += len(labels)
    module.train(was_training)
    return interval(correct, count) if count else None


def interval(correct: int, count: int) -> Accuracy:
    """The share of correct answers with its 95 % Wilson interval."""
    found = share(correct, count)
    return Accuracy(found.value, found.low, found.high, count)


def _batches(parts: Iterable[ImageSet], batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for part in parts:
        for start in range(0, len(part), batch_size):
            chosen = slice(start, start + batch_size)
            images = normalise(part.images[chosen], part.mean, part.std)
            yield torch.from_numpy(images), torch.from_numpy(part.labels[chosen])
