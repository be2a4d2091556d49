from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebench.converters.export.process_pool import Failure, Pool
from edgebench.errors import DataError, MissingExtraError, UnknownNameError
from edgebench.progress import Progress


def square(task: int, progress: Progress) -> int:
    """A task for the workers; odd behaviour at a few numbers."""
    progress("square", 0, 0)
    if task == 13:
        raise DataError("thirteen is unlucky", "choose another")
    if task == 99:
        os._exit(7)
    if task in (101, 102):
        os.kill(os.getpid(), signal.SIGKILL if task == 101 else signal.SIGSEGV)
    if task == 103:
        return task // 0
    return task * task


def test_results_come_in_the_order_of_the_tasks() -> None:
    heard: list[tuple[int, str]] = []
    pool: Pool[int, int] = Pool(square, jobs=2)
    assert pool.run(range(5), lambda n, step, *_: heard.append((n, step))) == [0, 1, 4, 9, 16]
    assert sorted(heard) == [(n, "square") for n in range(5)]


def test_errors_and_crashes_leave_the_other_tasks_alone() -> None:
    pool: Pool[int, int] = Pool(square, jobs=1)
    three, unlucky, crash, four = pool.run([3, 13, 99, 4], lambda *step: None)
    assert (three, four) == (9, 16)
    assert unlucky == Failure("thirteen is unlucky", "choose another")
    assert isinstance(crash, Failure) and "exit status 7" in crash.message


def get_ready(name: str) -> None:
    """A preparation: odd behaviour at a name."""
    if name == "crash":
        os._exit(8)
    os.environ["READY_FOR"] = name


def ready_for(task: str, progress: Progress) -> tuple[str, str, int]:
    return task, os.environ["READY_FOR"], os.getpid()


def test_each_prepared_process_takes_the_task_that_it_is_prepared_for() -> None:
    names = ["a", "crash", "b"]
    with Pool(ready_for, jobs=1) as pool:
        pool.prepare(get_ready, names)
        first, crash, second = pool.run(names, lambda *step: None)
    assert isinstance(crash, Failure) and "exit status 8" in crash.message
    assert not isinstance(first, Failure) and not isinstance(second, Failure)
    assert first[:2] == ("a", "a") and second[:2] == ("b", "b")
    assert first[2] != second[2]


def test_an_error_keeps_its_kind_and_its_words_from_one_process_to_another() -> None:
    for error in (UnknownNameError("model", "x", ["y"]), MissingExtraError("torch", "export")):
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), other.message, other.remedy) == (
            type(error),
            error.message,
            error.remedy,
        )
        assert str(other) == str(error)


INTERRUPTED = """
import sys, time
sys.path.insert(0, {folder!r})
from pathlib import Path
from sleepy import write_slowly
from edgebench.converters.export.process_pool import Pool
if __name__ == "__main__":
    Pool(write_slowly, 2).run([Path({out!r}, "a"), Path({out!r}, "b")], lambda *step: None)
"""
SLEEPY = """
import os, time
from edgebench.documents import replacing

def write_slowly(path, progress):
    with replacing(path) as temporary:
        temporary.write_text(str(os.getpid()))
        time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_leaves_no_worker_and_no_half_written_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "sleepy.py").write_text(SLEEPY)
    main = tmp_path / "main.py"
    main.write_text(INTERRUPTED.format(folder=str(tmp_path), out=str(out)))
    process = subprocess.Popen(
        [sys.executable, str(main)], start_new_session=True, stderr=subprocess.PIPE
    )
    pids: list[int] = []
    for _ in range(600):
        texts = [path.read_text() for path in out.iterdir()]
        pids = [int(text) for text in texts if text]
        if len(pids) == 2:
            break
        time.sleep(0.1)
    assert len(pids) == 2
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert list(out.iterdir()) == []
    assert not any(alive(pid) for pid in pids)


def test_the_end_of_a_process_is_explained_by_what_ended_it() -> None:
    pool: Pool[int, int] = Pool(square, jobs=1)
    killed, crashed, fault, five = pool.run([101, 102, 103, 5], lambda *step: None)
    assert isinstance(killed, Failure) and "killed" in killed.message
    assert "memory" in killed.remedy
    assert isinstance(crashed, Failure) and "SIGSEGV" in crashed.message
    assert isinstance(fault, Failure) and "ZeroDivisionError" in fault.message
    assert "memory" not in crashed.message + crashed.remedy + fault.message + fault.remedy
    assert five == 25
