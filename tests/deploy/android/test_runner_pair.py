"""Two runners on one phone, in turn: the stand-ins for the app and for `benchmark_model`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import litert_tool
import numpy as np
import pytest
from test_android_app import PhoneShell, device, phone  # noqa: F401  (Fixtures.)
from toy_models import MakeRun

from edgebench.benchmarks.runs.runner_pair import FEWEST, compare_pair, in_turn
from edgebench.cli import main
from edgebench.deploy.benchmark_model.runner import BenchmarkModelRunner
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import read_plan, write_plan
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.documents import load


def test_runners_take_turns_and_processes_are_compared(
    device: RemoteDevice,  # noqa: F811
    make_run: MakeRun,
    tmp_path: Path,
) -> None:
    tool = litert_tool.write(tmp_path / "data" / "benchmark_model")
    runners = {"benchmark_model": BenchmarkModelRunner(str(tool)), "app": device.runner}
    folders = {}
    for name in runners:
        folders[name] = make_run("plain", "attention", processes=FEWEST, blocks=FEWEST, where=name)
        write_plan(replace(read_plan(folders[name]), id=name), folders[name])
    begun: list[tuple[str, int]] = []

    def note(step: str, done: int, total: int) -> None:
        if step == "measuring blocks":
            name = next(one for one, runner in runners.items() if runner is device.runner)
            begun.append((name, done))

    with device.reserved():
        in_turn(folders, device, runners, note)
    # One process of each, and each is the first one every second time.
    order = [name for name, done in dict.fromkeys(begun)]
    tool_first, app_first = ["benchmark_model", "app"], ["app", "benchmark_model"]
    assert order == (tool_first + app_first) * (FEWEST // 2)
    results = {name: load(folder / "result.json", RunResult) for name, folder in folders.items()}
    assert all(one.complete for one in results.values())
    rows = compare_pair(folders)
    assert [row.slot for row in rows] == ["plain", "attention"]
    for row in rows:
        assert row.processes == FEWEST and row.delta is not None
        # The same figures by hand: the least and the largest pair hold the interval of so few.
        logs = [
            [
                np.log(np.median([t for turn in block.turns if turn.slot == row.slot
                                  for t in turn.samples_ns]))
                for block in results[name].blocks
            ]
            for name in runners
        ]  # fmt: skip
        pairs = np.subtract(logs[1], logs[0])
        assert row.delta.low == pytest.approx(np.expm1(pairs.min()))
        assert row.delta.high == pytest.approx(np.expm1(pairs.max()))
    for name in ("app", "benchmark_model"):
        with_few = [block for block in results[name].blocks if block.process < FEWEST - 1]
        assert len(with_few) == FEWEST - 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--runner", "app,app2"), "is not one or two of"),
        (("--runner", "python,app"), "on one phone"),
        (("--device", "local", "--runner", "app"), "has no runners to choose from"),
        (("--device", "pixel7,pixel8", "--runner", "python,app"), "on one phone"),
    ],
)
def test_what_cannot_be_compared_is_said(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["run", *words])
    except SystemExit as error:  # Of argparse.
        code = int(str(error.code))
    assert code == 2
    assert said in " ".join(capsys.readouterr().err.split())
