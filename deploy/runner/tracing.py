"""A few inferences between marks, for whoever traces this process from outside.

    python -c "import sys; sys.path.insert(0, 'runner.pyz'); \\
               from edgebench_runner.tracing import main; main()" plan.json SLOT INFERENCES

A mark is a system call that nothing else makes: it looks for a file of the name `MARK`. Two of
them enclose each inference, after two that warm up. Then one line of JSON tells where the code of
the runtime lies in memory, as pairs of addresses.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

from .engines import engine
from .messages import Json

MARK = "edgebench-inference"

PACKAGES = "-packages/"
"""In the path of whatever pip installed."""

NOT_THE_RUNTIME = ("/numpy/", "/numpy.libs/")

MATHEMATICS = "/libm.so"

COPYING = ("memcpy", "memmove", "memset")
COPYING_BYTES = 1024
"""The C library's functions that inference calls, and how much of it from there on belongs to
them. All of it would be traced through Python's start, a thousand times what an inference is."""


def main() -> None:
    plan_path, slot, inferences = sys.argv[1:]
    with open(plan_path, encoding="utf-8") as file:
        plan: Json = json.load(file)
    opened = open_slot(plan, slot, os.path.dirname(os.path.abspath(plan_path)))
    for _ in range(2):
        os.access("", os.F_OK)  # The first such call has to find the function.
        opened.invoke()
    for _ in range(int(inferences)):
        os.access(MARK, os.F_OK)
        opened.invoke()
        os.access(MARK, os.F_OK)
    print(json.dumps(code()))


def open_slot(plan: Json, slot: str, folder: str) -> Any:
    """A slot's engine with its inputs set, on one thread: others would take turns at random."""
    planned = plan["artifacts"][slot]
    path = os.path.join(folder, "files", planned["file"])
    opened = engine(planned["format"])(path, {**plan, "threads": 1})
    opened.fill({})
    return opened


def code() -> list[list[int]]:
    """First and last address of each piece of code that is the runtime's."""
    found = []
    with open("/proc/self/maps", encoding="utf-8") as file:
        for line in file:
            addresses, rights, _, _, _, *path = line.split(None, 5)
            if "x" in rights and path and of_runtime(path[0].strip()):
                start, end = addresses.split("-")
                found.append([int(start, 16), int(end, 16) - 1])
    library = ctypes.CDLL(None)
    for name in COPYING:
        start_at = ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
        found.append([start_at, start_at + COPYING_BYTES - 1])
    return sorted(found)


def of_runtime(path: str) -> bool:
    if MATHEMATICS in path:
        return True
    return PACKAGES in path and not any(part in path for part in NOT_THE_RUNTIME)
