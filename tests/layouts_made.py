"""State dicts made to the key layouts of torchvision and timm.

`golden/layouts/LIBRARY.NETWORK.txt` lists the keys of one network of theirs and the first logits
that it computes with the weights and the image that are made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parent / "golden" / "layouts"
NORM = ("weight", "bias", "running_mean", "running_var")

Shapes = dict[str, tuple[int, ...]]


def expanded(lines: Iterable[str]) -> Shapes:
    """Key to shape. `NAME norm C` stands for the five entries of a batch norm."""
    shapes: Shapes = {}
    for line in lines:
        name, *rest = line.split()
        if rest[0] == "norm":
            shapes |= {f"{name}.{key}": (int(rest[1]),) for key in NORM}
            shapes[f"{name}.num_batches_tracked"] = ()
        else:
            shapes[name] = tuple(int(n) for n in rest[0].split(","))
    return shapes


def read(name: str, folder: Path = FOLDER) -> tuple[Shapes, Tensor]:
    """The layout of that name, and the logits."""
    _, logits, *lines = (folder / f"{name}.txt").read_text().splitlines()
    return expanded(lines), torch.tensor([float(x) for x in logits.split()[1:]])


def filled(shapes: Shapes) -> dict[str, Tensor]:
    """The same numbers for the same layout. Variances are small, so that an epsilon shows."""
    rng = np.random.default_rng(0)
    return {key: torch.from_numpy(_values(key, shape, rng)) for key, shape in shapes.items()}


def _values(key: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if key.endswith("tracked"):
        return np.zeros(shape, np.int64)
    if key.endswith("running_var"):
        return rng.uniform(0.05, 0.2, shape).astype(np.float32)
    drawn = rng.standard_normal(shape)
    if len(shape) > 1:
        return (drawn * (0.1 / np.prod(shape[1:])) ** 0.5).astype(np.float32)
    return (0.1 * drawn + key.endswith(".weight")).astype(np.float32)


def image(size: int = 64) -> Tensor:
    drawn = np.random.default_rng(1).standard_normal((1, 3, size, size))
    return torch.from_numpy(drawn.astype(np.float32))
