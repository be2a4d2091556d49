"""Arm's Vela: its own answer where it is installed, a stand-in's everywhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgebench.cli import main
from edgebench.converters.analysis import vela

COLUMNS = "network,system_config,core_clock,sram_memory_used,cycles_total"
STAND_IN = f"""#!/bin/sh
[ "$1" = --version ] && echo 9.9.9 && exit 0
case $1 in *refused*) echo "RuntimeError: Compilation failed: no such op." >&2; exit 1;; esac
cycles=1000000
case $1 in *attention*) cycles=1610000;; esac
echo "{COLUMNS}" > $5/x_summary_made_up.csv
echo "x,Made_Up,500000000.0,37.5,$cycles" >> $5/x_summary_made_up.csv
echo "CPU operators = 2 (5.0%)"
echo "NPU operators = 38 (95.0%)"
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with int8 files to estimate, and a program that answers as Vela does."""
    program = tmp_path / "vela"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setattr(vela, "_program", lambda: str(program))
    for name in ("plain", "attention", "refused"):
        (tmp_path / f"{name}.tflite").write_bytes(b"\0\0\0\0TFL3")
    return tmp_path


def test_estimates_are_called_estimates_and_compared_with_the_first(
    stand_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(stand_in / f"{name}.tflite") for name in ("plain", "attention")]
    assert main(["estimate", *files]) == 0
    out = capsys.readouterr().out
    assert "+61 %" in out and "2 of 40" in out and "2.00" in out
    assert "Estimates by ethos-u-vela 9.9.9" in out and "Nothing was run or measured" in out
    assert main(["estimate", *files, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["estimated_cycles"] for row in rows] == [1_000_000, 1_610_000]
    assert rows[0]["sram_bytes"] == 38_400


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("{tmp}/refused.tflite", 1, "Compilation failed: no such op"),
        ("{tmp}/plain.onnx", 1, "is not a .tflite file"),
        ("{tmp}/plain.tflite --accelerator ethos-u55-129", 2, "did you mean 'ethos-u55-128'?"),
    ],
)
def test_what_cannot_be_estimated_is_said_in_a_sentence(
    stand_in: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, says: str
) -> None:
    assert main(["estimate", *words.format(tmp=stand_in).split()]) == code
    out, err = capsys.readouterr()
    assert out == "" and says in err and "\n  -> " in err


def test_without_vela_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plain.tflite").write_bytes(b"\0\0\0\0TFL3")
    monkeypatch.setattr(shutil, "which", lambda *words, **more: None)
    assert main(["estimate", str(tmp_path / "plain.tflite")]) == 1
    assert "pip install 'edgebench[vela]'" in capsys.readouterr().err


def test_vela_itself_takes_the_whole_int8_toy(toys: Path) -> None:
    found = vela.estimate(toys / "int8.tflite", "ethos-u55-128")
    assert found.operators_cpu == 0 and found.operators_npu > 0
    assert found.estimated_cycles > 0 and found.estimated_s > 0
