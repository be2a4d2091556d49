"""Convert to classes that nobody has met, in three threads at once: `python crash_in_threads.py`.

A program of its own, because without a lock it ends in a segmentation fault within a second.
"""

from __future__ import annotations

import sys
import threading
import types

from edgebench.documents import convert, decode

CLASSES = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass(frozen=True)
class Run:
    number: int
    groups: tuple[Group, ...] = ()

@dataclass(frozen=True)
class Group:
    blocks: dict[str, Block]

@dataclass(frozen=True)
class Block:
    turns: tuple[Turn, ...] = ()
    pilot: Run | None = None

@dataclass(frozen=True)
class Turn:
    seconds: float
"""
RAW = {"number": 1, "groups": [{"blocks": {"a": {"turns": [{"seconds": 0.5}]}}}]}
TEXT = '{"number": 1, "groups": [{"blocks": {"a": {"turns": [{"seconds": 0.5}]}}}]}'


def main() -> None:
    sys.setswitchinterval(1e-6)
    for number in range(300):
        module = types.ModuleType(f"classes{number}")
        sys.modules[module.__name__] = module
        exec(CLASSES, module.__dict__)
        together = threading.Barrier(3)

        def read(run: type = module.Run, together: threading.Barrier = together) -> None:
            together.wait()
            assert convert(RAW, run) == decode(TEXT, run)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("alive")


if __name__ == "__main__":
    main()
