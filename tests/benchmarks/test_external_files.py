"""`edgebench --artifacts` with a folder of somebody else's files, through the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from permissions import closed
from toy_artifacts import SHORT

from edgebench import places
from edgebench.cli import main

Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(places.DATA, str(tmp_path / "data"))


@pytest.fixture
def theirs(toys: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "their models"
    (folder / "sub dir").mkdir(parents=True)
    shutil.copy(toys / "plain.tflite", folder / "first.tflite")
    shutil.copy(toys / "attention.tflite", folder / "sub dir" / "[bold]a|b & <c>.tflite")
    shutil.copy(toys / "int8.tflite", folder / "small.tflite")
    return folder


def run(folder: Path, tmp_path: Path, *options: str, device: str = "simulated") -> int:
    where = ("--artifacts", str(folder), "--runs", str(tmp_path / "runs"))
    length = ("--budget", "60s") if device == "simulated" else SHORT
    return main(("run", "--device", device, *where, *length, *options))


def compared(folder: Path, tmp_path: Path, *options: str, **more: str) -> dict[str, Any]:
    path = tmp_path / "report.json"
    assert run(folder, tmp_path, *options, "--json", str(path), **more) in (0, 3)
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_every_other_file_is_compared_with_the_baseline(theirs: Path, tmp_path: Path) -> None:
    (group,) = compared(theirs, tmp_path, "--baseline", "first")["groups"]
    assert group["precision"] == "fp32, int8" and group["maker"] == ""
    first, *others = group["rows"]
    assert first["model"] == "first" and first["overhead"] is None
    assert {one["model"] for one in others} == {"small", "sub dir/[bold]a|b & <c>"}
    for row in group["rows"]:
        assert row["accuracy"] is None and row["drift"] is None and row["weights"] == "unknown"
    for row in others:
        assert row["overhead"] is not None and row["verdict"]["outcome"] != "no verdict"
        assert row["madds_overhead"] == pytest.approx(row["madds"] / first["madds"] - 1)


def test_what_is_no_model_file_is_refused_before_anything_is_exported(
    theirs: Path, tmp_path: Path, capsys: Said
) -> None:
    (theirs / "notes.txt").write_text("not a model")
    assert run(theirs / "notes.txt", tmp_path) == 2
    assert "notes.txt is not a model file" in capsys.readouterr().err
    assert run(tmp_path / "nothing there", tmp_path, "--baseline", "first") == 2
    assert "no model file of another tool in" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_baseline_that_does_not_run_is_said_in_place_of_a_forecast(
    theirs: Path, tmp_path: Path, capsys: Said
) -> None:
    (theirs / "first.tflite").write_bytes(b"not a model")
    assert run(theirs, tmp_path, "--baseline", "first", device="local") == 3
    said = capsys.readouterr()
    assert "nothing can be compared" in said.err and "0 blocks" not in said.err
    assert "the baseline does not run: " in " ".join(said.out.split())


def test_a_report_shows_names_as_they_are_written_and_speaks_of_no_attention(
    theirs: Path, tmp_path: Path, capsys: Said
) -> None:
    page, text = tmp_path / "report.html", tmp_path / "report.md"
    assert run(theirs, tmp_path, "--baseline", "first", "--html", str(page), "--md", str(text)) == 0
    shown = capsys.readouterr().out
    assert "[bold]a|b & <c>" in shown and "over first" in shown
    assert "attention" not in shown and "Accuracy" not in shown
    assert "a|b &amp; &lt;c&gt;" in page.read_text() and "<c>" not in page.read_text()
    assert "a\\|b & <c>" in text.read_text()


def test_without_a_baseline_the_files_are_listed_with_what_to_say(
    theirs: Path, tmp_path: Path, capsys: Said
) -> None:
    assert run(theirs, tmp_path) == 2
    said = capsys.readouterr().err
    assert "3 model files" in said and "small" in said
    assert f"edgebench --artifacts '{theirs}' --baseline first" in said
    assert not (tmp_path / "runs").exists()


def test_a_single_file_is_measured_against_itself(
    theirs: Path, tmp_path: Path, capsys: Said
) -> None:
    (group,) = compared(theirs / "small.tflite", tmp_path)["groups"]
    assert [row["model"] for row in group["rows"]] == ["small", "small"]
    assert [row["against_itself"] for row in group["rows"]] == [False, True]
    assert group["rows"][0]["latency"]["median_s"] > 0
    assert group["rows"][1]["verdict"]["outcome"] == "no difference"


def test_files_may_be_named_as_the_shell_completes_them(theirs: Path, tmp_path: Path) -> None:
    named = str(theirs / "small.tflite")
    document = compared(theirs, tmp_path, named, "--baseline", "first.tflite")
    assert [row["model"] for row in document["groups"][0]["rows"]] == ["first", "small"]


def test_a_baseline_that_is_not_there_is_said_with_the_nearest(
    theirs: Path, tmp_path: Path, capsys: Said
) -> None:
    assert run(theirs, tmp_path, "--baseline", "frist") == 2
    assert "did you mean 'first'?" in capsys.readouterr().err


def test_files_of_another_format_are_not_passed_over_in_silence(
    tmp_path: Path, capsys: Said
) -> None:
    folder = tmp_path / "onnx"
    folder.mkdir()
    (folder / "a.onnx").write_bytes(b"")
    assert run(folder, tmp_path) == 2
    assert "--formats onnx" in capsys.readouterr().err
    assert list(folder.iterdir()) == [folder / "a.onnx"], "nothing of ours is exported there"


def test_asked_for_precisions_are_kept_to(theirs: Path, tmp_path: Path) -> None:
    document = compared(theirs, tmp_path, "--baseline", "first", "--precisions", "fp32")
    assert "small" not in {row["model"] for row in document["groups"][0]["rows"]}


def test_precisions_are_kept_to_even_if_they_are_those_of_the_zoo(
    theirs: Path, tmp_path: Path, capsys: Said
) -> None:
    assert run(theirs, tmp_path, "--baseline", "first", "--precisions", "fp32,fp16,int8") == 2
    assert "'fp16'" in capsys.readouterr().err, "none of the files is fp16"


def test_what_does_not_run_fails_alone(theirs: Path, toys: Path, tmp_path: Path) -> None:
    shutil.copy(toys / "corrupt.tflite", theirs)
    shutil.copy(theirs / "first.tflite", theirs / "same again.tflite")
    (theirs / "empty.tflite").touch()
    document = compared(theirs, tmp_path, "--baseline", "first", device="local")
    rows = {row["model"]: row for row in document["groups"][0]["rows"]}
    failed = {name for name, row in rows.items() if row["error"]}
    assert failed == {"corrupt", "empty"}
    for name in failed:
        assert rows[name]["verdict"]["reasons"][0]["id"] == "does_not_run"
    assert rows["same again"]["overhead"] is not None


@pytest.mark.parametrize(
    ("shut", "words"),
    [
        ("first.tflite", ("--baseline", "first")),
        ("first.tflite", ("first", "--baseline", "small")),
        (".", ()),
    ],
)
def test_what_may_not_be_read_is_named_as_that(
    theirs: Path, tmp_path: Path, capsys: Said, shut: str, words: tuple[str, ...]
) -> None:
    with closed(theirs / shut):
        assert run(theirs, tmp_path, *words) == 1
    said = capsys.readouterr().err
    assert f"cannot read {theirs / shut}: permission denied".lower() in said.lower()
    assert "Traceback" not in said


def test_a_single_file_that_may_not_be_read_is_named_as_that(
    theirs: Path, tmp_path: Path, capsys: Said
) -> None:
    with closed(theirs / "first.tflite"):
        assert run(theirs / "first.tflite", tmp_path) == 1
    assert "first.tflite: permission denied" in capsys.readouterr().err.lower()
