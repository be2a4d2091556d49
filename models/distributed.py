"""One process or many: what `torchrun` sets up, and nothing where it did not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from edgebench.errors import UsageError

# The others wait this long for the first process, which evaluates and writes alone.
_PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Place:
    """This process's number among `world` processes, and the device it computes on."""

    rank: int
    world: int
    device: torch.device

    def mean(self, value: float) -> float:
        """The mean of a value over all processes."""
        if self.world == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return float(total) / self.world

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined(device: str) -> Iterator[Place]:
    """Join the processes that `torchrun` started; alone without it.

    Raises `UsageError` for a device that is not there.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"unknown device '{device}' to train on", "known: auto, cpu, cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device here", "train with --device cpu")
    on_gpu = device != "cpu" and torch.cuda.is_available()
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    chosen = torch.device("cuda", local) if on_gpu else torch.device("cpu")
    if world == 1:
        yield Place(0, 1, chosen)
        return
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    try:
        yield Place(dist.get_rank(), world, chosen)
    finally:
        dist.destroy_process_group()
