"""Several tasks in as many processes, each of which takes one task after another.

A worker keeps what it has imported, so that the frameworks' start is paid once a process. Workers
can also start before there are tasks, one for each, and prepare for theirs. Errors and crashes of
one task leave the others alone, and no worker outlives its parent.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from edgebench.errors import as_known
from edgebench.progress import Progress

Task = TypeVar("Task")
Report = Callable[[int, str, int, int], None]
Result = TypeVar("Result")

_GRACE_S = 10


@dataclass(frozen=True)
class Failure:
    """Why a task has no result: the message, remedy and exit code of its error."""

    message: str
    remedy: str
    exit_code: int = 1


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: int | None = None


class Pool(Generic[Task, Result]):
    """Runs `work(task, progress)` for every task, at most `jobs` at once.

    `work` is a function of a module, for workers import it; tasks and results are pickled. Leaving
    the context ends all workers.
    """

    def __init__(self, work: Callable[[Task, Progress], Result], jobs: int) -> None:
        self._work = work
        self._jobs = jobs
        self._workers: list[_Worker] = []
        self._prepared: dict[int, _Worker] = {}
        self._leaving: list[_Worker] = []

    def __enter__(self) -> Pool[Task, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def prepare(self, preparation: Callable[[str], None], names: Sequence[str]) -> None:
        """Start a worker for each task to come, which calls `preparation` with the task's name."""
        for number, name in enumerate(names):
            self._prepared[number] = self._start(partial(preparation, name))

    def run(self, tasks: Sequence[Task], progress: Report) -> list[Result | Failure]:
        """The result or failure of each task, in their order.

        `progress` hears a task's number and, as a `Progress` does, how far it is.
        """
        results: dict[int, Result | Failure] = {}
        waiting = list(range(len(tasks)))
        try:
            for _ in range(min(self._jobs, len(tasks))):
                self._give(None, tasks, waiting)
            while len(results) < len(tasks):
                for pipe in wait([w.pipe for w in self._workers if w.task is not None]):
                    worker = next(w for w in self._workers if w.pipe is pipe)
                    self._hear(worker, tasks, waiting, results, progress)
        finally:
            self._stop()
        return [results[number] for number in range(len(tasks))]

    def _start(self, preparation: Callable[[], None] | None = None) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        threads = max(1, (os.cpu_count() or 1) // self._jobs)
        process = context.Process(
            target=_serve, args=(theirs, self._work, threads, preparation), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _give(self, worker: _Worker | None, tasks: Sequence[Task], waiting: list[int]) -> None:
        """Give the next task to the worker that is prepared for it, else to this or a new one."""
        number = waiting.pop(0) if waiting else None
        prepared = None if number is None else self._prepared.pop(number, None)
        if worker is not None and (number is None or prepared is not None):
            self._workers.remove(worker)
            worker.pipe.close()  # which ends the worker
            self._leaving.append(worker)
        if number is None:
            return
        worker = prepared or worker or self._start()
        worker.task = number
        with suppress(OSError):  # It has ended, which `_hear` will notice.
            worker.pipe.send(tasks[number])

    def _hear(
        self,
        worker: _Worker,
        tasks: Sequence[Task],
        waiting: list[int],
        results: dict[int, Result | Failure],
        progress: Report,
    ) -> None:
        number = worker.task
        assert number is not None
        try:
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            code = worker.process.exitcode
            results[number] = _ended(code)
            self._workers.remove(worker)
            self._give(None, tasks, waiting)
            return
        if kind == "step":
            progress(number, *content)
            return
        results[number] = content
        self._give(worker, tasks, waiting)

    def _stop(self) -> None:
        """End the workers that are left, so that they can remove what they have half written."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in (*self._workers, *self._leaving):
            worker.process.join(_GRACE_S)
            worker.process.kill()
            worker.process.join()
        self._workers.clear()
        self._leaving.clear()
        self._prepared.clear()


def _ended(code: int | None) -> Failure:
    """What the end of a process without an answer says."""
    if code is not None and code == -signal.SIGKILL:
        return Failure(
            "its process was killed, as the system does when memory runs out",
            "free memory, or do less at once: --jobs 1",
        )
    how = f"exit status {code}"
    if code is not None and code < 0:
        how = f"it crashed with {signal.Signals(-code).name}"
    return Failure(
        f"its process ended without an answer ({how})",
        "try it alone, with --jobs 1; if it ends again, report it with the model",
    )


def _unwind(*_: object) -> None:
    """Leave in good order; a second signal, such as one to the whole group, changes nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def _serve(
    pipe: Connection,
    work: Callable[[Any, Progress], Any],
    threads: int,
    preparation: Callable[[], None] | None,
) -> None:
    """Take tasks until the pipe ends."""
    # Ctrl-C reaches the whole group; the parent decides, and ends its workers by SIGTERM, which
    # unwinds them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _unwind)
    os.environ["OMP_NUM_THREADS"] = str(threads)

    def progress(step: str, done: int, total: int) -> None:
        pipe.send(("step", (step, done, total)))

    if preparation is not None:
        gc.disable()  # Imports make no garbage, and looking for it takes a tenth of their time.
        preparation()
        gc.enable()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            answer = work(task, progress)
        except Exception as error:  # It must not take the tasks with it that wait for this process.
            known = as_known(error)
            answer = Failure(known.message, known.remedy, known.exit_code)
        pipe.send(("done", answer))
