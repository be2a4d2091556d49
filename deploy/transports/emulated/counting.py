"""Counting the instructions that the runtime executes in an inference, from QEMU's log.

QEMU translates code in blocks. Its log has each block when it is translated, with its instructions,
and each execution of a block. So the instructions between two marks
(`edgebench.deploy.runner.tracing`) are the sum of the lengths of the blocks executed there. This
needs no compiler and no plugin, which Debian's static QEMU does not support. The log is limited to
the code of the runtime, the mathematical library and the functions that copy memory; with the start
of Python it would be a hundred times as long.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from edgebench.deploy.documents.staging import PLAN, RUNNER
from edgebench.deploy.runner.tracing import MARK
from edgebench.deploy.transports.emulated import system
from edgebench.errors import DeviceError

PROGRAM = (
    f"import sys; sys.path.insert(0, {RUNNER!r}); from edgebench_runner.tracing import main; main()"
)
INFERENCES = 2
"""One would do, for the counts are equal; the second shows that they are."""

ATTEMPTS = 3

Addresses = tuple[tuple[int, int], ...]


class Counter:
    """Counts an artifact's instructions; it remembers the addresses of each format's runtime."""

    def __init__(self) -> None:
        self._code: dict[str, Addresses] = {}

    def count(self, folder: Path, slot: str, form: str) -> tuple[int, ...]:
        """The instructions of each of some inferences of a slot of a run folder's plan.

        Raises `DeviceError`.
        """
        for _ in range(ATTEMPTS):
            known = self._code.get(form, ())
            counts, self._code[form] = trace(folder, slot, known)
            if self._code[form] == known:
                return counts
        raise DeviceError(f"the runtime of {slot} is at another address in each process")


def trace(folder: Path, slot: str, code: Addresses) -> tuple[tuple[int, ...], Addresses]:
    """Run marked inferences; returns their instructions in some code, and the runtime's addresses.

    Raises `DeviceError`.
    """
    reading, writing = os.pipe()
    options: Sequence[str] = ()
    if code:
        within = ",".join(f"{first:#x}..{last:#x}" for first, last in code)
        log = ("-d", "nochain,exec,in_asm,strace", "-D", f"/proc/self/fd/{writing}")
        options = (*log, "-dfilter", within)
    words = [*system.emulated(*options), "-c", PROGRAM, PLAN, slot, str(INFERENCES)]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=system.environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complaints,
            pass_fds=[writing],
            start_new_session=True,
        )
        try:
            os.close(writing)
            with open(reading, "rb") as lines:
                counts = counted(lines)
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        complaints.seek(0)
        said.seek(0)
        if status != 0:
            last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
            raise DeviceError(f"counting {slot} failed: {(last or [f'status {status}'])[0]}")
        answer: list[list[int]] = json.loads(said.read().splitlines()[-1])
    return counts, tuple((first, last) for first, last in answer)


def counted(log: Iterable[bytes]) -> tuple[int, ...]:
    """The instructions between each first and second mark of QEMU's log.

    Of the log (`-d nochain,exec,in_asm,strace`) these lines matter; addresses are of the guest:

        IN: xnn_f32_gemm                                      a block is translated:
        0xab510dba0:  90004300  adrp x0, #0xab596d000         one line an instruction
        Trace 0: 0x7f60 [00001001/0000000ab510dba0/...] xnn   a block is executed
        Stopped execution of TB chain before 0x7f60 [0000000ab510dba0] xnn     it was not, after all
        24541 faccessat(AT_FDCWD,"edgebench-inference",...    a mark

    A block is logged again if it is translated again, so the last length of an address is that of
    the block that is executed.
    """
    mark = MARK.encode()
    lengths: dict[bytes, int] = {}
    counts: list[int] = []
    block = b""
    inside, starts = False, False
    for line in log:
        if line.startswith(b"Trace "):
            if inside:
                counts[-1] += lengths[line.partition(b"/")[2][:16]]
        elif line.startswith(b"0x"):
            if starts:
                block = line[2 : line.index(b":")].rjust(16, b"0")
                lengths[block] = 0
                starts = False
            lengths[block] += 1
        elif line.startswith(b"IN:"):
            starts = True
        elif line.startswith(b"Stopped "):
            if inside:
                counts[-1] -= lengths[line.partition(b"[")[2][:16]]
        elif mark in line:
            inside = not inside
            if inside:
                counts.append(0)
    return tuple(counts)
