"""External load: processes that keep a core busy at random until their parent ends.

python -m edgebench.benchmarks.proof.load SEED CORE PARENT
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BUSY_S, IDLE_S = 2.0, 2.0
"""On average; both are drawn from an exponential distribution, so half of the time is busy."""

TABLE = 4_000_000
"""The size of the array it reads while busy, so that it uses caches and not only cycles."""


@contextmanager
def loaded(seed: int, cores: int) -> Iterator[None]:
    """Keep the machine's last `cores` cores busy at random while the block runs."""
    words = [sys.executable, "-m", "edgebench.benchmarks.proof.load"]
    processes = [
        subprocess.Popen([*words, f"{seed}{core}", str(core), str(os.getpid())])
        for core in range(cores)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run(seed: int, core: int, parent: int) -> None:
    """Be busy and idle in turns until the parent process ends; core 0 is the machine's last."""
    with suppress(AttributeError, OSError):  # If processes cannot be pinned any core is used.
        own = sorted(os.sched_getaffinity(0), reverse=True)
        os.sched_setaffinity(0, {own[core % len(own)]})
    chance = random.Random(seed)
    table = list(range(TABLE))
    while os.getppid() == parent:
        until = time.monotonic() + chance.expovariate(1 / BUSY_S)
        while time.monotonic() < until:
            sum(table[:: chance.randrange(1, 17)])
        time.sleep(chance.expovariate(1 / IDLE_S))


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
