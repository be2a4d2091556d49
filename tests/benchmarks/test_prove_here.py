"""The proof on a real machine: its bookkeeping, with a device that replays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from replay import ReplayedDevice, Toy, make_artifacts

from edgebench.benchmarks.proof import real_trial
from edgebench.benchmarks.proof.prove_here import table
from edgebench.benchmarks.proof.real_trial import (
    BASELINE,
    FORCED,
    HEAVIER,
    OURS,
    PEERS,
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
    monkeypatch.setattr(real_trial, "second_core_loaded", lambda seed: _unloaded())
    return tmp_path / "artifacts"


class _unloaded:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def trial(artifacts: Path, device: ReplayedDevice, number: int = 0) -> RealTrial:
    request = real_trial.request_of(artifacts, ("fp32",), 30.0, number)
    return real_trial.trial(artifacts.parent / f"{number:03d}", request, device, silent)


def test_a_trial_asks_every_method_and_is_not_done_twice(artifacts: Path) -> None:
    found = trial(artifacts, ReplayedDevice(SLOTS))
    assert [one.method for one in found.said] == [OURS, FORCED, *(peer.name for peer in PEERS)]
    for one in found.said:
        assert one.withheld is None
        assert one.itself is not None and one.heavier is not None
        assert -0.02 < one.itself.low <= one.itself.high < 0.02
        assert 0.02 < one.heavier.low <= one.heavier.high < 0.06
    assert trial(artifacts, ReplayedDevice({})) == found


def test_what_the_gate_withholds_is_still_told_without_it(artifacts: Path) -> None:
    ours, forced, *peers = trial(artifacts, ReplayedDevice(SLOTS, steal_share=0.3)).said
    assert ours.withheld == "stolen_time"
    assert forced.withheld is None and forced.heavier == ours.heavier
    assert all(peer.withheld is None for peer in peers)


def test_the_table_counts_claims_that_are_wrong_and_those_that_are_withheld() -> None:
    none, some = Interval(-0.01, 0.01), Interval(0.02, 0.06)
    trials = [
        RealTrial(
            (MethodResult(OURS, "fp32", none, some), MethodResult(FORCED, "fp32", none, some))
        ),
        RealTrial(
            (
                MethodResult(OURS, "fp32", some, some, "busy"),
                MethodResult(FORCED, "fp32", some, some),
            )
        ),
    ]
    rows = {line[:28].strip(): line[28:].split() for line in table(trials, ("fp32",))}
    # Shares and their intervals: A/A wrong, 4 % found, withheld.
    assert rows[OURS][::3][:3] == ["0", "50", "50"]
    assert rows[FORCED][::3][:3] == ["50", "100", "0"]
    assert rows[PEERS[0].name][:3] == ["-", "-", "-"]


def test_the_load_ends_with_the_process_that_started_it() -> None:
    script = (
        "import os, subprocess, sys\n"
        "words = [sys.executable, '-m', 'edgebench.benchmarks.proof.load', '0', str(os.getpid())]\n"
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
