"""Phones' NPUs without a phone, through the command line: what is taken, and what it computes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgebench.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux", reason="Qualcomm's libraries are for Linux on x86-64"
    ),
]


def test_estimate_shows_a_column_for_each_soc_and_what_is_left(
    zoo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(zoo / "scenes_v2_ca.int8.tflite"), str(zoo / "scenes_v2.dynamic.tflite")]
    assert main(["estimate", *files, "--soc", "SM8350,SM8650"]) == 0
    shown = capsys.readouterr().out
    header, _, whole, partly = shown.splitlines()[:4]
    assert header.split() == ["artifact", "SM8350", "SM8650"]
    assert whole.split() == ["scenes_v2_ca.int8.tflite", *["276", "of", "276"] * 2]
    assert "parts" in partly
    assert "Nothing was run or measured." in shown
    assert "scenes_v2.dynamic.tflite, left to the CPU by SM8350, SM8650:" in shown
    assert "CONV_2D (FLOAT32, INT8, FLOAT32 -> FLOAT32)" in shown


def test_a_missing_compiler_costs_its_column_only(
    zoo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["scenes_v2", "--artifacts", str(zoo), "--soc", "SM8650,MT6989", "--json"]
    assert main(["estimate", *arguments]) == 1
    taken, failed = json.loads(capsys.readouterr().out)
    assert taken["taken"] == taken["operators"] == 68 and taken["left"] == []
    assert failed["npu"] == "MT6989" and "libneuron_adapter.so" in failed["error"]


def test_estimate_names_the_command_that_makes_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["scenes_v2", "--artifacts", str(tmp_path), "--soc", "SM8650"]
    assert main(["estimate", *arguments]) == 1
    assert "edgebench export scenes_v2 --to tflite:int8" in capsys.readouterr().err
    assert main(["estimate", "--artifacts", str(tmp_path), "--soc", "SM8650"]) == 1
    assert "there are no .tflite files" in capsys.readouterr().err
    assert main(["estimate", "a.tflite", "--soc", "SM1"]) == 2


def test_a_run_in_the_emulator_reports_accuracy_and_no_time(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--device", "hexagon-emulator", "--artifacts", str(zoo), "--precisions", "int8"]
    limits = ["--images", "12", "--runs", str(tmp_path)]
    assert main(["scenes_v2", "scenes_v2_ca", *arguments, *limits]) == 0
    shown = capsys.readouterr().out
    assert "Emulated, not timed: all 2 files ran whole on the NPU." in shown
    assert "Hexagon v75 against x86_64" in shown and "Accuracy and drift" in shown
    assert " ms" not in shown and "overhead" not in shown
    assert main(["report", "--runs", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["measures"] == "outputs"
    rows = [row for group in report["groups"] for row in group["rows"]]
    assert all(row["latency"] is None and row["partitions"] == 1 for row in rows)
