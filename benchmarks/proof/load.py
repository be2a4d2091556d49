"""External load: processes that each disturb a core until their parent ends.

python -m edgebench.benchmarks.proof.load KIND SEED CORE PARENT
"""

from __future__ import annotations

import itertools
import mmap
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args
from unittest.mock import patch

Kind = Literal["work", "bursts", "memory", "follows"]

KINDS: tuple[Kind, ...] = get_args(Kind)

BUSY_S: dict[Kind, float] = {"work": 2.0, "bursts": 0.05, "memory": 2.0}
"""On average, and as long idle; both are drawn from an exponential distribution. The load that
follows copies memory while the heavier model runs."""

TABLE = 4_000_000
"""The size of the array that work reads, so that it uses caches and not only cycles."""

COPIED_BYTES = 2**29
"""More than a last-level cache holds."""

PIECE_BYTES = 2**20
"""What is copied between two looks at the clock, or at whom to follow."""

TELLING = Path(__file__).parent / "telling"
"""The folder of a `sitecustomize.py`, which Python runs first in every process."""

VARIABLE = "EDGEBENCH_TOLD"
"""Names the file whose one byte tells whether the heavier model runs."""

LOOK_S = 0.0001
"""How often the load that follows looks at that byte."""


@dataclass(frozen=True)
class Load:
    """What other processes do on the machine's last `cores` cores."""

    kind: Kind = "work"
    cores: int = 1


@contextmanager
def loaded(seed: int, load: Load) -> Iterator[None]:
    """Disturb the machine while the block runs."""
    words = [sys.executable, "-m", "edgebench.benchmarks.proof.load", load.kind]
    with _telling() if load.kind == "follows" else nullcontext():
        processes = [
            subprocess.Popen([*words, f"{seed}{core}", str(core), str(os.getpid())])
            for core in range(load.cores)
        ]
        try:
            yield
        finally:
            for process in processes:
                process.kill()
                process.wait()


@contextmanager
def _telling() -> Iterator[None]:
    """Let every process that is started meanwhile tell when it runs the heavier model."""
    path = filter(None, (str(TELLING), os.environ.get("PYTHONPATH")))
    with tempfile.NamedTemporaryFile() as told:
        told.write(b"\0")
        told.flush()
        variables = {VARIABLE: told.name, "PYTHONPATH": os.pathsep.join(path)}
        with patch.dict(os.environ, variables):
            yield


def run(kind: Kind, seed: int, core: int, parent: int) -> None:
    """Be busy and idle in turns until the parent process ends; core 0 is the machine's last."""
    with suppress(AttributeError, OSError):  # If processes cannot be pinned any core is used.
        own = sorted(os.sched_getaffinity(0), reverse=True)
        os.sched_setaffinity(0, {own[core % len(own)]})
    if kind == "follows":
        _follow(parent)
        return
    chance = random.Random(seed)
    burden = _copying() if kind == "memory" else _adding(chance)
    while os.getppid() == parent:
        until = time.monotonic() + chance.expovariate(1 / BUSY_S[kind])
        while time.monotonic() < until:
            burden()
        time.sleep(chance.expovariate(1 / BUSY_S[kind]))


def _follow(parent: int) -> None:
    with open(os.environ[VARIABLE], "rb") as file:
        told = mmap.mmap(file.fileno(), 1, access=mmap.ACCESS_READ)
    copy = _copying()
    while os.getppid() == parent:
        if told[0]:
            copy()
        else:
            time.sleep(LOOK_S)


def _adding(chance: random.Random) -> Callable[[], None]:
    table = list(range(TABLE))

    def add() -> None:
        sum(table[:: chance.randrange(1, 17)])

    return add


def _copying() -> Callable[[], None]:
    source, target = bytearray(COPIED_BYTES), bytearray(COPIED_BYTES)
    pieces = itertools.cycle(range(0, COPIED_BYTES, PIECE_BYTES))

    def copy() -> None:
        start = next(pieces)
        piece = slice(start, start + PIECE_BYTES)
        memoryview(target)[piece] = memoryview(source)[piece]

    return copy


if __name__ == "__main__":
    kind, *numbers = sys.argv[1:]
    run(cast(Kind, kind), *map(int, numbers))
