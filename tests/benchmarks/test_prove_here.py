"""The proof on a real machine: its bookkeeping, with a device that replays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from replay import ReplayedDevice, Toy, make_artifacts

from edgebench.benchmarks.proof import real_trial
from edgebench.benchmarks.proof.load import KINDS, VARIABLE, Load, loaded
from edgebench.benchmarks.proof.prove_here import table
from edgebench.benchmarks.proof.real_trial import (
    BASELINE,
    FORCED,
    HEAVIER,
    OURS,
    PEERS,
    VISITS,
    MethodResult,
    RealTrial,
)
from edgebench.intervals import Interval
from edgebench.progress import silent

SLOTS = {f"{BASELINE}.fp32.tflite": 0.01, f"{HEAVIER}.fp32.tflite": 0.0104}


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    toys = (
        Toy(BASELINE, BASELINE, 100, 1, "untrained"),
        Toy(HEAVIER, HEAVIER, 104, 1, "untrained"),
    )
    make_artifacts(tmp_path / "artifacts", toys, ("fp32",))
    monkeypatch.setattr(real_trial, "loaded", lambda seed, load: nullcontext())
    return tmp_path / "artifacts"


def trial(artifacts: Path, device: ReplayedDevice, number: int = 0) -> RealTrial:
    request = real_trial.request_of(artifacts, "fp32", 30.0, number)
    return real_trial.trial(artifacts.parent / f"{number:03d}", request, device, silent, Load())


def test_a_trial_asks_every_method_and_is_not_done_twice(artifacts: Path) -> None:
    found = trial(artifacts, ReplayedDevice(SLOTS))
    assert [one.method for one in found.said] == [
        OURS,
        FORCED,
        VISITS,
        *(peer.name for peer in PEERS),
    ]
    for one in found.said:
        assert one.withheld is None
        assert one.itself is not None and one.heavier is not None
        assert -0.02 < one.itself.low <= one.itself.high < 0.02
        assert 0.02 < one.heavier.low <= one.heavier.high < 0.06
    assert trial(artifacts, ReplayedDevice({})) == found


def test_the_finer_design_is_timed_and_its_intervals_compared(artifacts: Path) -> None:
    ours, forced, visits, *peers = trial(artifacts, ReplayedDevice(SLOTS)).said
    assert ours.decided and ours.seconds is not None
    assert forced.heavier == ours.heavier
    for one in (ours, visits):
        assert one.half_width is not None and 0 < one.half_width < 0.02
        assert one.measuring_s is not None
    assert all(peer.half_width is None for peer in peers)


def test_the_table_counts_claims_that_are_wrong_and_those_that_are_withheld() -> None:
    none, some = Interval(-0.01, 0.01), Interval(0.02, 0.06)
    trials = [
        RealTrial(
            (
                MethodResult(OURS, "fp32", none, some, None, True, 20.0, 0.01, 15.0),
                MethodResult(FORCED, "fp32", none, some),
                MethodResult(VISITS, "fp32", none, some, None, False, None, 0.02, 30.0),
            )
        ),
        RealTrial(
            (
                MethodResult(OURS, "fp32", some, some, "busy", False, 40.0, 0.01, 30.0),
                MethodResult(FORCED, "fp32", some, some),
                MethodResult(VISITS, "fp32", none, some, None, False, None, 0.03, 30.0),
            )
        ),
    ]
    rows = {line[:28].strip(): line[28:].split() for line in table(trials, ("fp32",), Load())}
    # Shares and their intervals: A/A wrong, 4 % found, withheld.
    assert rows[OURS][::3][:3] == ["0", "50", "50"]
    assert rows[FORCED][::3][:3] == ["50", "100", "0"]
    assert rows[PEERS[0].name][:3] == ["-", "-", "-"]
    assert rows[OURS][-1] == "30"  # The median seconds.
    said = "\n".join(table(trials, ("fp32",), Load()))
    # (0.02 / 0.01)^2 * 30 / 15 = 8 and (0.03 / 0.01)^2 * 30 / 30 = 9.
    assert "takes 8.5 times as long (half of the runs: 8.2 to 8.8)" in said
    assert "the verdicts of 1 of 2 runs were clear" in said


COUNT_WHAT_IS_TOLD = f"""
import os, sys
from ai_edge_litert.interpreter import Interpreter

class Watched(Interpreter):
    def _ensure_safe(self):  # What `invoke` calls first.
        with open(os.environ["{VARIABLE}"], "rb") as file:
            told.append(file.read()[0])

for path in sys.argv[1:]:
    told = []
    model = Watched(model_path=path)
    model.allocate_tensors()
    told.clear()
    for _ in range(40):
        model.invoke()
    print(sum(told), len(told))
"""


def test_a_load_follows_three_of_four_inferences_of_the_heavier_model(
    toys: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{name}.tflite" for name in (BASELINE, HEAVIER)]
    for path in paths:
        shutil.copy(toys / "plain.tflite", path)
    with loaded(0, Load("follows")):
        words = [sys.executable, "-c", COUNT_WHAT_IS_TOLD, *map(str, paths)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    baseline, heavier = ([int(one) for one in line.split()] for line in done.stdout.splitlines())
    assert baseline == [0, 40]
    assert 15 < heavier[0] < 40 and heavier[1] == 40
    assert VARIABLE not in os.environ


@pytest.mark.parametrize("kind", KINDS)
def test_the_load_ends_with_the_process_that_started_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "told").write_bytes(b"\0")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "told"))
    script = (
        "import os, subprocess, sys\n"
        "load = [sys.executable, '-m', 'edgebench.benchmarks.proof.load']\n"
        f"words = [*load, '{kind}', '0', '0', str(os.getpid())]\n"
        "one = subprocess.Popen(words, stdout=subprocess.DEVNULL)\n"
        "print(one.pid)"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    number = int(done.stdout)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and _runs(number):
        time.sleep(0.2)
    assert not _runs(number)


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return "proof.load" in Path(f"/proc/{number}/cmdline").read_text()
