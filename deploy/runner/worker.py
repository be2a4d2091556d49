"""The worker: a fresh process for each job, which does all that touches a model."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from typing import IO, Callable, Iterator, Sequence  # noqa: UP035

from .messages import Json

KILLED = "it was stopped by SIGKILL, as Linux and Android do when memory runs out"


def fresh_process(command: Sequence[str]) -> Callable[[Json], Iterator[Json]]:
    """A worker whose jobs are carried out by a `child.Child`, which the command starts.

    A job answers once or, where it measures, once a block. The child waits after each answer until
    we have dealt with it: otherwise writing the result would compete with the next block for the
    processor. A child that dies is the last answer, `{"died": reason}`.
    """

    def answers(job: Json) -> Iterator[Json]:
        with tempfile.TemporaryFile() as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
            assert child.stdin is not None and child.stdout is not None
            try:
                child.stdin.write(json.dumps(job).encode() + b"\n")
                child.stdin.flush()
                for line in child.stdout:
                    yield json.loads(line)
                    child.stdin.write(b"\n")
                    child.stdin.flush()
            except BrokenPipeError:
                pass  # It died; its exit status says of what.
            finally:
                if sys.exc_info()[0] is not None:
                    child.kill()
                child.stdout.close()
                status = child.wait()
            if status != 0:
                yield {"died": reason_of_death(status, log)}

    return answers


def reason_of_death(status: int, log: IO[bytes]) -> str:
    if status == -signal.SIGKILL:
        return KILLED
    if status < 0:
        return f"the runtime crashed ({signal.Signals(-status).name})"
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return f"the process failed: {lines[-1] if lines else f'status {status}'}"
