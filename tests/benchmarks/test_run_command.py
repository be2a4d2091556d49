"""Precision, noise floor and the gate, through the command line."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from replay import Toy, make_artifacts

from edgebench import places
from edgebench.benchmarks.gate.noise_floor import STALE_DAYS, NoiseFloors
from edgebench.benchmarks.results import floor_store
from edgebench.cli import main
from edgebench.converters.artifact import Manifest, manifest_path
from edgebench.documents import load, save, sha256

SIMULATED = ("--device", "simulated", "--precisions", "fp32")
THROTTLED = ("--device", "simulated:throttling", "--precisions", "fp32")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own."""
    monkeypatch.setenv(places.DATA, str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def where(artifacts: Path, tmp_path: Path) -> tuple[str, ...]:
    return ("--artifacts", str(artifacts), "--runs", str(tmp_path / "runs"))


def notes(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_noise_floor_is_measured_kept_and_read_by_later_runs(
    where: tuple[str, ...], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("run", "scenes_v2_ca", *SIMULATED, *where, "--budget", "20s")
    assert main(run) == 0
    assert "noise floor of simulated is not known" in notes(capsys)
    assert main(("noise", "scenes_v2", *SIMULATED, *where, "--budget", "20s")) == 0
    table = notes(capsys)
    assert "scenes_v2 tflite fp32" in table
    (floor,) = load(data / "noise" / "simulated.json", NoiseFloors).floors
    assert 0 < floor.reach < 0.05
    assert floor.setting is not None and floor.setting.threads == 1
    assert main(run) == 0
    assert "noise floor" not in notes(capsys)


def test_a_floor_that_is_old_or_of_another_setting_is_said(
    where: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("noise", "scenes_v2", *SIMULATED, *where, "--budget", "20s")) == 0
    (floor,) = floor_store.read("simulated").floors
    assert floor.setting is not None
    run = ("run", "scenes_v2_ca", *SIMULATED, *where, "--budget", "20s")
    for changed, says in (
        (replace(floor, measured="2020-01-01"), "days old"),
        (
            replace(floor, setting=replace(floor.setting, threads=4)),
            "measured with threads 4, not 1",
        ),
        (
            replace(floor, setting=replace(floor.setting, governors=("powersave",))),
            "measured with governors powersave, not ",
        ),
    ):
        save(floor_store.store_of("simulated"), NoiseFloors("simulated", (changed,)))
        capsys.readouterr()
        assert main(run) == 0
        assert says in notes(capsys)
    assert STALE_DAYS < 365


def test_a_run_that_cannot_be_trusted_leaves_no_floor(
    where: tuple[str, ...], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("noise", "scenes_v2", *THROTTLED, *where, "--budget", "30s")) == 3
    said = capsys.readouterr()
    assert "no verdict on scenes_v2 against itself: the processor was throttled" in said.err
    assert "let the device cool down" in said.err
    assert not data.exists()


def test_what_is_asked_to_be_detected_is_promised_beforehand(
    where: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    promised = {}
    for share in (0.03, 0.01):
        words = ("run", "scenes_v2_ca", *SIMULATED, *where, "--detect", f"{share:.0%}")
        assert main(words) in (0, 3)
        said = re.search(
            r"up to (\d+) processes, at most (\d+) s: overheads of ([\d.]+) %",
            capsys.readouterr().err,
        )
        assert said is not None
        assert float(said[3]) / 100 <= share
        promised[share] = int(said[2])
    assert promised[0.01] > promised[0.03]


def test_a_budget_that_slow_models_would_overrun_is_refused(
    where: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("run", "scenes_v2_ca", *SIMULATED, *where, "--budget", "1s")) == 2
    said = capsys.readouterr().err
    assert "a budget of 1 s is too short for these models" in said and "for the pilot" in said
    needed = re.search(r"give --budget (\d+)s", said)
    assert needed is not None
    assert main(("run", "scenes_v2_ca", *SIMULATED, *where, "--budget", f"{needed[1]}s")) in (0, 3)


def test_force_shows_marked_what_is_withheld_otherwise(
    where: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("run", "scenes_v2_ca", *THROTTLED, *where, "--budget", "30s", "--whole-budget")
    for words, marks in ((run, 0), ((*run, "--force"), 1)):
        assert main(words) == 3
        out = capsys.readouterr().out
        assert "No verdict" in out and "?: the run failed a check" in " ".join(out.split())
        assert len(re.findall(r"^ *\? \w+: scenes_v2_ca", out, re.MULTILINE)) == marks


def test_the_floor_of_this_machine_is_measured_with_the_real_runtime(
    toys: Path, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "real"
    make_artifacts(folder, (Toy("plain", "plain", 1000, 10, "unknown"),), ("fp32",))
    path = folder / "plain.fp32.tflite"
    shutil.copy(toys / "plain.tflite", path)
    manifest = load(manifest_path(path), Manifest)
    save(manifest_path(path), replace(manifest, sha256=sha256(path)))
    runs = tmp_path / "runs"
    words = ("noise", "plain", "--precisions", "fp32", "--budget", "60s", "--detect", "50%")
    code = main((*words, "--artifacts", str(folder), "--runs", str(runs)))
    # A machine that is busy with something else has no floor to show, and says so.
    assert code in (0, 3)
    (run,) = runs.iterdir()
    result = json.loads((run / "result.json").read_bytes())
    assert result["complete"]
    assert all(block["before"]["probe_ns"] for block in result["blocks"])
    assert (data / "noise" / "local.json").exists() == (code == 0)
    assert (capsys.readouterr().out != "") == (code == 0)
