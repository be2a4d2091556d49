"""The command line as a user meets it: names, errors, exit codes, and the main job."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest
from toy_artifacts import SHORT
from zoo import copy

from edgebench.benchmarks.results.comparison import Comparison
from edgebench.cli import COMMANDS, main
from edgebench.commands.devices import ACTIONS

EDGEBENCH = (sys.executable, "-m", "edgebench.cli")
HEAVY = ("torch", "tensorflow", "onnx", "onnxruntime", "scipy", "numpy", "rich")


def edgebench(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*EDGEBENCH, *words], cwd=cwd, capture_output=True, text=True)


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from edgebench.cli import main\n"
        "try: main(['--help'])\n"
        f"finally: print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "edgebench --device local" in done.stdout
    assert done.stdout.rstrip().endswith("heavy: []")


def test_no_words_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "usage: edgebench" in capsys.readouterr().out


@pytest.mark.parametrize(("to", "code"), [(">&-", 0), (">/dev/full", 1), ("2>&-", 0)])
def test_output_that_nobody_can_take_is_no_traceback(to: str, code: int) -> None:
    command = f"{sys.executable} -m edgebench.cli models {to}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr == "" or "no space is left" in done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.parametrize("command", ["", *COMMANDS, *(f"devices {name}" for name in ACTIONS)])
def test_help_fits_in_80_columns_and_says_no_default_in_pythons_words(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert not re.search(r"\bNone\b|\bFalse\b|\bTrue\b|default: [)(]", said)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("exprot x", 2, "did you mean 'export'?"),
        ("mobilenet_v2_cq --artifacts {tmp}", 2, "did you mean 'mobilenet_v2_ca'?"),
        ("scenes_v2_ca --device pixle7", 2, "did you mean 'pixel7'?"),
        ("--device pixle7", 2, "did you mean 'pixel7'?"),
        ("run mobilenet_v3 --artifacts {tmp}", 2, "did you mean 'mobilenet_v2'?"),
        ("run --models scenes_v9 scenes_v2 --artifacts {tmp}", 2, "unknown model 'scenes_v9'"),
        ("run scenes_v2 --precisions int9 --artifacts {tmp}", 2, "did you mean 'int8'?"),
        ("run scenes_v2 --formats tflight --artifacts {tmp}", 2, "did you mean 'tflite'?"),
        ("run scenes_v2 --formats tflite:int8 --artifacts {tmp}", 2, "unknown format"),
        ("run scenes_v2 --device , --artifacts {tmp}", 2, "--device names no device"),
        ("export scenes_v3 --out {tmp}", 2, "did you mean 'scenes_v2'?"),
        ("export scenes_v2 --to tflite:int4 --out {tmp}", 2, "unknown tflite precision 'int4'"),
        ("export {tmp}/gone.onnx --out {tmp}", 1, "gone.onnx"),
        ("export {tmp}/junk.onnx --out {tmp}", 1, "junk.onnx"),
        ("export scenes_v2 --to tflite:int8 --calibration {tmp}/empty --out {tmp}", 1, "empty"),
        ("export scenes_v2 --weights {tmp}/junk.onnx --out {tmp}", 1, "junk.onnx"),
        ("export scenes_v2 --input-shape 1,x --out {tmp}", 2, "not a shape"),
        ("report nothing --runs {tmp}", 2, "unknown run"),
        ("report --runs {tmp}", 1, "edgebench run"),
        ("report {tmp}/empty --runs {tmp}", 1, "is not a run folder"),
        ("--resume {tmp}/empty --runs {tmp}", 1, "is not a run folder"),
        ("train scenes_v2 --epochs 1 --data imagefolder:{tmp}/empty --out {tmp}", 1, "empty"),
        ("train scenes_v2 --learning-rate -1 --out {tmp}", 2, "learning rate"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_and_what_to_do_in_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, says: str
) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"this is no model")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.iterdir())
    assert main(words.format(tmp=tmp_path).split()) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert "\n  -> " in err
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


def test_values_that_are_no_values_are_usage_errors() -> None:
    for words in ("--threshold 500%", "--budget soon", "--threads 0", "--cores 1,a", "--models ,"):
        done = edgebench(*words.split())
        assert done.returncode == 2, words
        assert "usage:" in done.stderr and "Traceback" not in done.stderr


def test_models_are_listed_within_80_columns_and_as_json() -> None:
    shown = edgebench("models").stdout
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "our documented interpretation" in shown
    rows = json.loads(edgebench("models", "--json").stdout)
    names = {row["name"] for row in rows}
    assert {"mobilenet_v2", "mobilenet_v2_ca", "scenes_v2"} <= names
    for name in names:
        assert name in shown


def test_devices_are_listed() -> None:
    assert "local" in edgebench("devices").stdout
    assert json.loads(edgebench("devices", "--json").stdout)[0]["name"] == "local"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, zoo: Path) -> Path:
    """A folder with the small baseline and coordinate attention, exported by the command line."""
    folder = tmp_path_factory.mktemp("cli")
    for model in ("scenes_v2", "scenes_v2_ca"):
        copy(zoo, folder / "artifacts", f"{model}.*.tflite*", f"{model}.*.reference.npz")
    copy(zoo, folder / "artifacts", "*.evaluation.npz")
    for path in (folder / "artifacts").glob("scenes_v2_ca.int8.*"):
        path.unlink()  # So that one is exported here.
    words = ("export", "scenes_v2", "scenes_v2_ca", "--to", "tflite:fp32", "--to", "tflite:int8")
    done = edgebench(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert [word for word in done.stdout.split() if word.startswith("artifacts/")] == [
        "artifacts/scenes_v2.fp32.tflite",
        "artifacts/scenes_v2.int8.tflite",
        "artifacts/scenes_v2_ca.fp32.tflite",
        "artifacts/scenes_v2_ca.int8.tflite",
    ]
    return folder


RUN = ("--device", "local", "scenes_v2_ca", "--precisions", "fp32,int8")


@pytest.mark.slow
def test_a_run_gives_a_table_and_every_document(exported: Path) -> None:
    documents = ("--html", "page.html", "--md", "page.md", "--json", "page.json")
    done = edgebench(*RUN, *SHORT, *documents, cwd=exported)
    # A machine that is busy with something else gets no verdict, and the exit code says so.
    assert done.returncode in (0, 3), done.stderr
    for text in ("scenes_v2_ca", "baseline", "MAdds"):
        assert text in done.stdout
    assert "\x1b" not in done.stdout
    comparison = json.loads((exported / "page.json").read_text())
    assert comparison["schema"] == Comparison.SCHEMA
    assert [group["precision"] for group in comparison["groups"]] == ["fp32", "int8"]
    for group in comparison["groups"]:
        baseline, attention = group["rows"]
        assert baseline["model"] == "scenes_v2" and attention["model"] == "scenes_v2_ca"
        assert attention["overhead"]["interval"]["low"] <= attention["overhead"]["value"]
        assert 0.75 <= baseline["accuracy"]["figures"][0]["on_device"]["value"] <= 1.0
        assert attention["drift"]["agreement"]["value"] > 0.9
    page = (exported / "page.html").read_text()
    assert "<svg" in page and "http://" not in page.replace("http://www.w3.org", "")
    assert "| scenes_v2_ca" in (exported / "page.md").read_text()


@pytest.mark.slow
def test_a_second_export_does_no_work(exported: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (exported / "artifacts").iterdir()}
    words = ("export", "scenes_v2", "scenes_v2_ca", "--to", "tflite:fp32", "--to", "tflite:int8")
    assert edgebench(*words, cwd=exported).returncode == 0
    assert before == {path: path.stat().st_mtime_ns for path in (exported / "artifacts").iterdir()}


@pytest.mark.slow
def test_the_zoos_exports_are_taken_whole_by_the_delegate_of_the_processor(exported: Path) -> None:
    files = sorted(str(path) for path in (exported / "artifacts").glob("*.tflite"))
    words = ("lint", *files, "--delegate", "xnnpack,gpu", "--fail-on", "warning")
    done = edgebench(*words, cwd=exported)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("takes all of it, as far as is known: xnnpack, gpu") == len(files)


@pytest.mark.slow
def test_a_model_against_itself_shows_no_difference(exported: Path) -> None:
    words = ("--baseline", "scenes_v2", "scenes_v2", "--precisions", "fp32")
    done = edgebench(*words, *SHORT, "--json", cwd=exported)
    assert done.returncode in (0, 3), done.stderr
    (group,) = json.loads(done.stdout)["groups"]
    verdict = group["rows"][1]["verdict"]
    assert verdict["outcome"] in ("no difference", "undecided", "no verdict")


@pytest.mark.slow
def test_ctrl_c_keeps_what_there_is_and_resume_goes_on(exported: Path) -> None:
    runs = exported / "interrupted"
    words = (*EDGEBENCH, *RUN, *SHORT, "--runs", str(runs))
    process = subprocess.Popen(words, cwd=exported, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        results = list(runs.glob("*/result.json"))
        if results and len(json.loads(results[0].read_text())["blocks"]) >= 2:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    (folder,) = runs.iterdir()
    kept = json.loads((folder / "result.json").read_text())
    assert len(kept["blocks"]) >= 2 and not kept["complete"]
    resumed = edgebench("run", "--resume", "--runs", str(runs), cwd=exported)
    assert resumed.returncode in (0, 3), resumed.stderr
    whole = json.loads((folder / "result.json").read_text())
    assert whole["complete"]
    assert whole["blocks"][: len(kept["blocks"])] == kept["blocks"]
    assert "scenes_v2_ca" in edgebench("report", "--runs", str(runs), cwd=exported).stdout


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0", "LC_ALL": "C"}]
)
def test_names_beyond_ascii_are_read_and_printed_whatever_the_locale(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    found = subprocess.run(
        [*EDGEBENCH, "lint", "Größe 模型/netz é.onnx"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert "there is nothing at Gr\\xf6\\xdfe \\u6a21\\u578b/netz \\xe9.onnx" in found.stderr
    (tmp_path / "Größe 模型").mkdir()
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [], [])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "Größe 模型" / "netz é.onnx")
    found = subprocess.run(
        [*EDGEBENCH, "lint", "Größe 模型/netz é.onnx"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert "netz \\xe9.onnx (onnx" in found.stdout
