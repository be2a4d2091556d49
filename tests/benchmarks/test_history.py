"""The runs that were kept: listed, shown again, and as a trend."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from replay import ReplayedDevice, make_artifacts

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.runs.run import run
from edgebench.cli import main
from edgebench.deploy.documents.result import Runtime
from edgebench.documents import load, save


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two devices, one of them on another runtime later, and wreckage."""
    root = tmp_path_factory.mktemp("history")
    make_artifacts(root / "artifacts")
    folder = root / "runs"
    request = RunRequest(
        str(root / "artifacts"),
        out=str(folder),
        models=("scenes_v2", "scenes_v2_ca"),
        precisions=("fp32",),
        budget_s=20.0,
    )
    for number, (device, overhead) in enumerate(
        (("local", 0.16), ("local", 0.18), ("pixel7", 0.40), ("local", 0.35))
    ):
        latency = {
            f"{model}.fp32.tflite": 0.002 * (1 + share)
            for model, share in (("scenes_v2", 0), ("scenes_v2_ca", overhead))
        }
        replayed = ReplayedDevice(latency, throttled=number == 1)
        made = run(replace(request, seed=number), replayed)
        (folder / made.run).rename(folder / f"2026112{number}-120000-{device}")
        keep(folder, made, device, number)
    for number, wreck in enumerate(
        (
            b'{"schema": "edgebench.comparison/1"}',
            b'{"schema": "edg',
            b"\xff\xfe\x00",
            b'["a list"]',
        )
    ):
        wrecked = folder / f"2025010{number + 1}-000000-local" / "comparison.json"
        wrecked.parent.mkdir()
        wrecked.write_bytes(wreck)
    (folder / "photos").mkdir()
    (folder / "notes.txt").write_text("not a run")
    return folder


@pytest.fixture
def runs(kept: Path, tmp_path: Path) -> Path:
    """The kept runs, for one test to do with as it likes."""
    return shutil.copytree(kept, tmp_path / "runs")


def keep(runs: Path, made: Comparison, device: str, number: int) -> None:
    name = f"2026112{number}-120000-{device}"
    version = "2.4.0" if number == 3 else "2.3.0"
    context = replace(made.context, runtimes={"tflite": Runtime("ai-edge-litert", version)})
    started = f"2026-11-2{number}T12:00:00Z"
    made = replace(made, run=name, started=started, context=context, device=device)
    save(runs / name / "comparison.json", made)


def test_runs_are_listed_within_80_columns_whatever_lies_among_them(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--runs", str(runs)]) == 0
    out, err = capsys.readouterr()
    assert max(len(line) for line in out.splitlines()) <= 80
    for name in ("20261120-120000-local", "20261122-120000-pixel7", "20250101-000000-local"):
        assert name in out
    assert out.count("unreadable") == 4 and out.count("complete") == 4
    assert "1 no verdict" in out and "1 refuted" in out
    assert "photos" not in out and "notes" not in out
    assert "this edgebench reads" in err and "Traceback" not in err


def test_runs_of_one_device_are_listed_as_json(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "--runs", str(runs), "--device", "pixel7", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["device"] == "pixel7" and one["state"] == "complete"
    assert one["models"] == ["scenes_v2_ca"] and one["verdicts"] == [["refuted", 1]]


def test_a_run_that_was_never_measured_is_listed_and_says_how_to_go_on(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("comparison.json", "result.json"):
        (runs / "20261120-120000-local" / name).unlink()
    assert main(["runs", "--runs", str(runs)]) == 0
    out, err = capsys.readouterr()
    assert "not measured" in out and "--resume" in err
    assert main(["report", "20261120-120000-local", "--runs", str(runs)]) == 1
    assert "has no comparison.json yet" in capsys.readouterr().err


def test_a_run_that_was_killed_is_judged_by_what_it_left(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs / "20261120-120000-local" / "comparison.json"
    before = load(path, Comparison)
    path.unlink()
    assert main(["runs", "--runs", str(runs)]) == 0
    out, err = capsys.readouterr()
    assert "not judged" in out and "edgebench report" in err
    assert main(["report", "20261120-120000-local", "--runs", str(runs)]) == 0
    assert load(path, Comparison).groups == before.groups


def test_an_interrupted_run_is_listed_as_such(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs / "20261122-120000-pixel7" / "comparison.json"
    save(path, replace(load(path, Comparison), interrupted=True))
    assert main(["runs", "--runs", str(runs), "--device", "pixel7"]) == 0
    assert "interrupted" in capsys.readouterr().out


def test_no_runs_are_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--runs", str(tmp_path / "none")]) == 0
    out, err = capsys.readouterr()
    assert out == "" and "edgebench run" in err


def test_a_listed_run_is_reported_again_and_an_older_one_says_what_it_is(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "20261120-120000-local", "--runs", str(runs)]) == 0
    assert "scenes_v2_ca" in capsys.readouterr().out
    assert main(["report", "20250101-000000-local", "--runs", str(runs)]) == 1
    assert "is edgebench.comparison/1; this edgebench reads" in capsys.readouterr().err


def test_a_report_is_a_gate_with_test_cases(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", "20261120-120000-local", "--runs", str(runs)]
    path = tmp_path / "run.xml"
    assert main([*words, "--fail-above", "5%", "--junit", str(path)]) == 4
    (suite,) = ElementTree.parse(path).getroot()
    (case,) = suite.findall("testcase")
    failure = case.find("failure")
    assert case.get("name") == "scenes_v2_ca" and failure is not None
    assert "is above +5.0 %" in failure.get("message", "")
    assert main([*words, "--fail-above", "40%"]) == 0


def test_a_gate_does_not_pass_what_could_not_be_judged(runs: Path) -> None:
    words = ["report", "20261121-120000-local", "--runs", str(runs)]
    assert main(words) == 0
    assert main([*words, "--fail-above", "90%"]) == 3


def test_a_trend_follows_one_device_and_marks_where_something_else_changed(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trend", "--runs", str(runs)]) == 0
    out = capsys.readouterr().out
    points = re.findall(r"2026-11-2(\d) 12:00 +\+(\d+)\S* %", out)
    assert [(day, share[:1]) for day, share in points] == [("0", "1"), ("1", "1"), ("3", "3")]
    lines = out.splitlines()
    changed = next(i for i, line in enumerate(lines) if "changed: tflite runtime" in line)
    assert "2026-11-23" in lines[changed + 1]
    assert "no verdict" in next(line for line in lines if "2026-11-21" in line)
    assert max(map(len, lines)) <= 80


def test_a_trend_is_drawn_on_a_page_that_needs_nothing_else(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "trend.html"
    assert main(["trend", "scenes_v2_ca", "--runs", str(runs), "--html", str(page)]) == 0
    text = page.read_text()
    drawing = ElementTree.fromstring(re.search(r"<svg.*?</svg>", text, re.S)[0])
    assert len(drawing.findall(".//circle")) == 3
    assert len([one for one in drawing.findall(".//line") if one.get("class") == "process"]) == 1
    assert "tflite runtime" in text and "http://" not in text and "<script" not in text


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("--device nexus", 1, "no run of device nexus"),
        ("scenes_v2_cb", 2, "did you mean 'scenes_v2_ca'?"),
    ],
)
def test_a_trend_that_does_not_exist_says_what_does(
    runs: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, says: str
) -> None:
    assert main(["trend", *words.split(), "--runs", str(runs)]) == code
    assert says in capsys.readouterr().err
