"""Torch on one thread, wherever it computes for an export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread: its sums then come out the same on every machine.

    The networks are small, and on a busy machine torch's threads wait for each other far longer
    than they compute.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
