"""The runner as a device sees it: a program that gets a plan and leaves a result."""

from __future__ import annotations

import ast
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from toy_models import LONG, MakeRun

from edgebench.deploy import runner
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import read_plan, stage_runner
from edgebench.documents import load

SOURCES = sorted(Path(runner.__file__).parent.rglob("*.py"))


def start(folder: Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, stage_runner(folder), "plan.json", "result.json"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, **options)


def finish(folder: Path, **options: Any) -> tuple[int, str, str]:
    process = start(folder, **options)
    out, err = process.communicate()
    return process.returncode, out, err


def result_of(folder: Path) -> RunResult:
    return load(folder / "result.json", RunResult)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_source_is_python_3_8_and_starts_with_the_standard_library_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    names = {
        alias.name.partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        str(node.module)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_the_same_sources_pack_into_the_same_program(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("first", "second"))
    assert (first / stage_runner(first)).read_bytes() == (
        second / stage_runner(second)
    ).read_bytes()


def test_it_leaves_nothing_behind_but_its_result(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run("plain", "attention")
    before = {one.name for one in folder.iterdir()}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    assert finish(folder, env={**os.environ, "TMPDIR": str(temporary)})[0] == 0
    assert not list(temporary.iterdir())
    assert {one.name for one in folder.iterdir()} - before == {"runner.pyz", "result.json"}


def test_a_plan_is_carried_out_in_its_order(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", blocks=4, processes=2)
    code, out, err = finish(folder)
    assert (code, err) == (0, "")
    result = result_of(folder)
    assert result.complete
    assert [(b.index, b.process) for b in result.blocks] == [(0, 0), (1, 0), (2, 1), (3, 1)]
    for block in result.blocks:
        assert [turn.slot for turn in block.turns] == ["plain", "attention", "attention", "plain"]
        for turn in block.turns:
            assert (len(turn.dropped_ns), len(turn.samples_ns)) == (1, 2)
            assert min(turn.samples_ns) > 0 and turn.summary is None
            assert turn.cpu_ns is not None and len(turn.cpu_ns) == 2 and min(turn.cpu_ns) > 0
        assert block.before is not None and block.after is not None
        assert block.after.own_s > block.before.own_s
    events = [json.loads(line) for line in out.splitlines()]
    assert [e["done"] for e in events if e["event"] == "block"] == [1, 2, 3, 4]


def test_each_block_loads_its_models_and_warms_them_up(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", blocks=4, processes=2)
    finish(folder)
    warmups = [block.warmups for block in result_of(folder).blocks]
    for of, block in zip(warmups, read_plan(folder).blocks, strict=True):
        assert [one.slot for one in of] == list(dict.fromkeys(block.order))
    assert all(len(one.times_ns) >= 3 and min(one.times_ns) > 0 for of in warmups for one in of)


def test_a_turn_has_the_samples_and_the_batch_of_its_group(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", blocks=1, processes=1, samples=5)
    plan = json.loads((folder / "plan.json").read_bytes())
    plan["groups"][0]["turn"] = {"samples": 5, "dropped": 3, "batch": 7}
    (folder / "plan.json").write_text(json.dumps(plan))
    assert finish(folder)[0] == 0
    (block,) = result_of(folder).blocks
    for turn in block.turns:
        assert [len(one or ()) for one in (turn.dropped_ns, turn.samples_ns, turn.cpu_ns)] == [
            3, 2, 2,
        ]  # fmt: skip


COARSE = """
import time, types
told = time.get_clock_info
time.get_clock_info = lambda name: types.SimpleNamespace(resolution=1 / 64, of=told(name))
"""

COLLECTIONS = """
import gc, time
file = open({path!r}, "a", buffering=1)
gc.callbacks.append(lambda phase, info: print(time.time(), file=file))
"""


def changed_python(folder: Path, program: str) -> dict[str, str]:
    """The environment of a Python that runs a program when it starts."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(program)
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_where_the_cpu_clock_is_coarse_the_cpu_time_is_not_known(
    make_run: MakeRun, tmp_path: Path
) -> None:
    folder = make_run("plain", "attention", blocks=1, processes=1)
    assert finish(folder, env=changed_python(tmp_path / "coarse", COARSE))[0] == 0
    assert {turn.cpu_ns for turn in result_of(folder).blocks[0].turns} == {None}


def test_garbage_is_not_collected_while_it_measures(make_run: MakeRun, tmp_path: Path) -> None:
    folder = make_run("plain", "attention", blocks=4, processes=1)
    plan = json.loads((folder / "plan.json").read_bytes())
    for block in plan["blocks"]:  # Enough objects for many collections.
        block["order"] = 250 * block["order"]
    (folder / "plan.json").write_text(json.dumps(plan))
    collections = tmp_path / "collections"
    program = COLLECTIONS.format(path=str(collections))
    assert finish(folder, env=changed_python(tmp_path / "told", program))[0] == 0
    blocks = result_of(folder).blocks
    assert len(blocks) == 4
    times = [float(line) for line in collections.read_text().split()]
    assert times and min(times) < blocks[0].before.unix_s
    during = [
        one for one in times for block in blocks if block.before.unix_s <= one <= block.after.unix_s
    ]
    assert during == []


def test_what_it_writes_is_the_result_document_field_by_field(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", evaluate=True)
    finish(folder)
    written = json.loads((folder / "result.json").read_bytes())
    read = {"schema": RunResult.SCHEMA, **msgspec.to_builtins(result_of(folder))}
    assert json.loads(json.dumps(read)) == written


def test_nan_and_corrupt_models_are_reported_and_the_others_measured(make_run: MakeRun) -> None:
    folder = make_run("plain", "nan", "corrupt", "foreign", "attention", evaluate=True)
    code, _, err = finish(folder)
    result = result_of(folder)
    assert code == 0
    assert not result.complete
    assert "not finite" in str(result.evaluations["nan"].error)
    assert result.evaluations["corrupt"].error and result.evaluations["foreign"].error
    assert {turn.slot for b in result.blocks for turn in b.turns} == {"plain", "attention"}
    assert [line.partition(":")[0] for line in err.splitlines()] == ["nan", "corrupt", "foreign"]


def test_with_a_baseline_that_does_not_run_there_is_nothing_to_compare(make_run: MakeRun) -> None:
    folder = make_run("nan", "plain")
    code, _, _ = finish(folder)
    assert code == 0
    blocks = result_of(folder).blocks
    assert all("baseline nan does not run" in str(block.error) for block in blocks)
    assert all(block.warmups == block.turns == () for block in blocks)


def test_nothing_that_runs_is_a_failure(make_run: MakeRun) -> None:
    code, _, err = finish(make_run("foreign", "corrupt"))
    assert code == 1
    assert "no artifact could be run" in err.splitlines()[-1]


def test_a_vanished_artifact_is_named(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention")
    gone = json.loads((folder / "plan.json").read_bytes())["artifacts"]["attention"]["file"]
    (folder / "files" / gone).unlink()
    finish(folder)
    assert "No such file" in str(result_of(folder).evaluations["attention"].error)


def test_a_changed_artifact_is_not_measured(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention")
    file = json.loads((folder / "plan.json").read_bytes())["artifacts"]["attention"]["file"]
    (folder / "files" / file).unlink()
    (folder / "files" / file).write_bytes(b"something else")
    finish(folder)
    assert "has changed" in str(result_of(folder).evaluations["attention"].error)


def test_a_complete_run_is_not_repeated(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention")
    finish(folder)
    before = result_of(folder)
    assert finish(folder)[0] == 0
    assert result_of(folder).blocks == before.blocks
    assert result_of(folder).evaluations == before.evaluations


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_keeps_what_it_has_and_goes_on(
    number: signal.Signals, make_run: MakeRun
) -> None:
    folder = make_run("plain", "attention", blocks=6, samples=LONG)
    process = start(folder)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "block" and json.loads(line)["done"] == 2:
            process.send_signal(number)
            break
    process.communicate()
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    partial = result_of(folder)
    assert not partial.complete
    assert 2 <= len(partial.blocks) < 6
    assert finish(folder)[0] == 0
    resumed = result_of(folder)
    assert resumed.complete
    assert [block.index for block in resumed.blocks] == list(range(6))
    assert resumed.blocks[: len(partial.blocks)] == partial.blocks
    assert resumed.evaluations == partial.evaluations
    first = resumed.blocks[len(partial.blocks)]  # Of a fresh process, where nothing is warm.
    assert [one.slot for one in first.warmups] == ["plain", "attention"]


def test_a_process_that_dies_fails_the_block_it_was_at(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", blocks=6, processes=2, samples=LONG)
    process = start(folder)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "block":
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            os.kill(int(children), signal.SIGKILL)
            break
    process.communicate()
    result = result_of(folder)
    assert process.returncode == 0 and not result.complete
    (failed,) = (block for block in result.blocks if block.error)
    assert failed.process == 0 and "stopped by SIGKILL" in str(failed.error)
    assert failed.before is None and failed.warmups == failed.turns == ()
    assert [block.index for block in result.blocks if block.process == 1] == [3, 4, 5]
    assert finish(folder)[0] == 0
    again = result_of(folder)
    assert again.complete and again.blocks[failed.index].warmups


def test_it_stops_when_nobody_listens_any_more(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", blocks=6, samples=LONG)
    process = start(folder)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait() == 130
    assert process.stderr.read() == ""
    assert len(result_of(folder).blocks) < 6
    process.stderr.close()


def test_a_result_of_another_plan_is_refused(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention")
    other = make_run("plain", "attention", blocks=2, where="other")
    finish(other)
    (folder / "result.json").write_bytes((other / "result.json").read_bytes())
    code, _, err = finish(folder)
    assert code == 1
    assert "belongs to another plan" in err


@pytest.mark.parametrize(
    "content", ["{", '{"schema": "edgebench.result/3"}', '{"schema": "edgebench.result/9"}']
)
def test_a_foreign_result_file_is_refused_and_kept(content: str, make_run: MakeRun) -> None:
    folder = make_run("plain", "attention")
    (folder / "result.json").write_text(content)
    code, _, err = finish(folder)
    assert code == 1
    assert "move it away" in err
    assert (folder / "result.json").read_text() == content


def test_a_disk_that_fills_up_leaves_the_last_whole_result(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", blocks=6, samples=LONG)
    limit = 20_000  # Bytes: more than the evaluations take, less than the blocks.
    code, _, err = finish(
        folder, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    assert code == 1
    assert "cannot write result.json" in err.splitlines()[-1]
    assert set(result_of(folder).evaluations) == {"plain", "attention"}
    assert not list(folder.glob("*.part"))


def test_a_missing_runtime_is_named_with_what_to_install(make_run: MakeRun, tmp_path: Path) -> None:
    for name in ("ai_edge_litert", "tflite_runtime", "tensorflow"):
        (tmp_path / "broken" / name).mkdir(parents=True)
        (tmp_path / "broken" / name / "__init__.py").write_text("raise ImportError('broken wheel')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "broken")}
    code, _, err = finish(make_run("plain", "attention"), env=environment)
    assert code == 1
    assert "no TFLite runtime can be imported; pip install ai-edge-litert" in err
    assert "tflite-runtime: broken wheel" in err


def test_cores_that_do_not_exist_are_refused(make_run: MakeRun) -> None:
    code, _, err = finish(make_run("plain", "attention", cores=(999,)))
    assert code == 1
    assert "cannot run on cores [999]" in err


def test_it_stays_on_the_cores_of_the_plan(make_run: MakeRun) -> None:
    core = min(os.sched_getaffinity(0))
    folder = make_run("plain", "attention", cores=(core,))
    finish(folder)
    result = result_of(folder)
    assert result.context.cores == (core,)
    assert {b.after.core for b in result.blocks if b.after} == {core}
