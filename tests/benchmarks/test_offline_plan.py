"""A plan that somebody else carries out: the worked example of docs/farm.md, for real."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from junit_schema import check_schema
from toy_artifacts import make_real_artifacts
from toy_models import IMAGES

from edgebench import cli, places
from edgebench.benchmarks.planning.sizing import Forecast
from edgebench.benchmarks.runs import offline_plan
from edgebench.cli import main
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.remote import core_check
from edgebench.documents import load

DOCUMENT = Path(__file__).parents[2] / "docs" / "farm.md"


@pytest.fixture(scope="module", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Folders of the user's own, with a board of a farm that nobody here can reach."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (places.DATA, places.CONFIG):
            patch.setenv(name, str(tmp_path_factory.mktemp("own")))
        add = ("devices", "add", "farm-board", "--like", "rpi5", "--host", "nowhere.invalid")
        assert main(add) == 0
        yield


@pytest.fixture(scope="module")
def artifacts(toys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("farm") / "artifacts"
    make_real_artifacts(toys, folder)
    return folder


@pytest.fixture
def where(artifacts: Path, tmp_path: Path) -> tuple[str, ...]:
    return ("--artifacts", str(artifacts), "--runs", str(tmp_path / "runs"))


PLAN = ("plan", "attention", "--device", "farm-board", "--precisions", "fp32")
SHORT = ("--budget", "2s", "--pace", "0.1ms")


def planned(where: tuple[str, ...], *words: str) -> Path:
    """A new plan's folder."""
    runs = Path(where[-1])
    before = set(runs.glob("*"))
    assert main((*PLAN, *(words or SHORT), *where)) == 0
    (folder,) = set(runs.glob("*")) - before
    return folder


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python in which nothing can be imported but NumPy and the runtime."""
    folder = tmp_path_factory.mktemp("bare")
    make = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(make, check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = Path(sysconfig.get_path("platlib"))
    for path in (*ours.glob("numpy*"), *ours.glob("ai_edge_litert*")):
        (packages / path.name).symlink_to(path)
    python = folder / "bin" / "python3"
    for name, there in (
        ("edgebench", False),
        ("msgspec", False),
        ("torch", False),
        ("numpy", True),
    ):
        done = subprocess.run([python, "-c", f"import {name}"], capture_output=True)
        assert (done.returncode == 0) == there, name
    return python


def carry_out(folder: Path, elsewhere: Path, command: str, python: Path) -> None:
    """Do what a farm does: take what the device needs there, run the command, bring it back."""
    elsewhere.mkdir()
    for name in ("plan.json", "runner.pyz"):
        shutil.copy(folder / name, elsewhere)
    shutil.copytree(folder / "files", elsewhere / "files")
    environment = {"PATH": f"{python.parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, shell=True, cwd=elsewhere, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shutil.copy(elsewhere / "result.json", folder)
    shutil.copytree(elsewhere / "outputs", folder / "outputs")


@pytest.fixture(scope="module")
def brought_back(
    artifacts: Path, bare_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A plan that was carried out elsewhere, by the command that `edgebench plan` prints."""
    home = tmp_path_factory.mktemp("carried")
    command = (*PLAN, *SHORT, "--artifacts", str(artifacts), "--runs", str(home / "runs"))
    done = subprocess.run(
        [sys.executable, "-m", "edgebench.cli", *command], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "no pilot ran on farm-board" in done.stderr
    (folder,) = (home / "runs").iterdir()
    assert done.stdout.strip() == offline_plan.by_hand(folder)
    carry_out(folder, home / "device", done.stdout.strip().partition(" && ")[2], bare_python)
    return folder


@pytest.fixture
def folder(brought_back: Path, tmp_path: Path) -> Path:
    """That, for one test to do with as it likes."""
    return shutil.copytree(brought_back, tmp_path / "runs" / brought_back.name)


def test_a_plan_is_carried_out_elsewhere_and_judged_here(folder: Path, tmp_path: Path) -> None:
    xml, document = tmp_path / "junit.xml", tmp_path / "report.json"
    words = ("report", str(folder), "--junit", str(xml), "--json", str(document))
    assert main(words) == 0
    comparison = json.loads(document.read_bytes())
    assert comparison["device"] == "farm-board" and not comparison["interrupted"]
    assert comparison["blocks_done"] == comparison["blocks_planned"] > 0
    (group,) = comparison["groups"]
    assert [row["model"] for row in group["rows"]] == ["plain", "attention"]
    # The outputs came back and were compared with the trained model's, as on any other device.
    assert group["rows"][1]["drift"]["samples"] == IMAGES
    verdict = group["rows"][1]["verdict"]

    root = ElementTree.parse(xml).getroot()
    check_schema(root)
    (case,) = root.iter("testcase")
    assert case.get("classname") == "edgebench.tflite.fp32" and case.get("name") == "attention"
    child = {"supported": None, "refuted": "failure", "undecided": "skipped", "no verdict": "error"}
    said = [one.tag for one in case if one.tag != "system-out"]
    assert said == [tag for tag in [child[verdict["outcome"]]] if tag]


def test_the_device_is_not_touched_and_the_folder_holds_all_that_it_needs(
    where: tuple[str, ...],
) -> None:
    folder = planned(where)  # Nobody can reach farm-board.
    plan = load(folder / "plan.json", Plan)
    needed = {one.file for one in plan.artifacts.values()}
    needed |= {one.evaluation.file for one in plan.artifacts.values() if one.evaluation}
    assert needed <= {path.name for path in (folder / "files").iterdir()}
    assert (folder / "runner.pyz").exists()
    assert not (folder / "pilot").exists() and not (folder / "result.json").exists()


def test_the_size_follows_the_budget_the_pace_and_what_is_to_be_detected(
    where: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    def forecast(*words: str) -> Forecast:
        return load(planned(where, *words) / "forecast.json", Forecast)

    slow, fast = (forecast("--budget", "60s", "--pace", pace) for pace in ("20ms", "1ms"))
    assert fast.detectable < slow.detectable
    assert max(fast.seconds, slow.seconds) <= 60
    longer = forecast("--budget", "5m", "--pace", "20ms")
    assert longer.detectable < slow.detectable
    assert forecast("--detect", "2%").detectable <= 0.02
    assert slow.guess and slow.warnings[0].id == "guessed_from_given_pace"
    assert "or more may be detected" in capsys.readouterr().err
    typical = forecast("--budget", "60s")
    assert typical.warnings[0].id == "guessed_from_typical_pace"
    assert "a typical pace of 10 M multiply-adds a ms" in capsys.readouterr().err
    capsys.readouterr()
    assert main((*PLAN, "--budget", "5s", "--pace", "500ms", *where)) == 2
    assert "a budget of 5 s is too short" in capsys.readouterr().err
    assert all((folder / "plan.json").exists() for folder in Path(where[-1]).iterdir())


def test_a_board_with_cores_of_no_known_names_is_not_asked_for_them(
    where: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_check, "read_cores", lambda shell: pytest.fail("it was asked"))
    planned(where)


def test_nothing_is_planned_where_time_means_nothing(
    where: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("plan", "attention", "--device", "arm64-emulated", *where)) == 2
    assert "times have no meaning on arm64-emulated" in capsys.readouterr().err
    assert not Path(where[-1]).exists()


def test_a_plan_that_nobody_carried_out_yet_says_how(
    where: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = planned(where)
    capsys.readouterr()
    assert main(("report", str(folder))) == 1
    assert offline_plan.by_hand(folder) in capsys.readouterr().err
    assert main(("runs", "--runs", str(folder.parent))) == 0
    out, err = capsys.readouterr()
    assert "not measured" in out and offline_plan.by_hand(folder) in err


def test_the_result_of_another_plan_is_refused_and_so_is_one_without_its_outputs(
    folder: Path, where: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    other = planned(where, *SHORT, "--seed", "7")
    shutil.copy(folder / "result.json", other)
    capsys.readouterr()
    assert main(("report", str(other))) == 1
    assert "belongs to another plan" in capsys.readouterr().err
    assert not (other / "comparison.json").exists()
    shutil.rmtree(folder / "outputs")
    assert main(("report", str(folder))) == 1
    err = capsys.readouterr().err
    assert "outputs/" in err and "bring it back from the device" in err


def test_a_result_that_comes_in_parts_is_judged_anew_with_each(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = json.loads((folder / "result.json").read_bytes())
    part = {**whole, "complete": False, "blocks": whole["blocks"][:2]}
    (folder / "result.json").write_text(json.dumps(part))
    assert main(("report", str(folder))) == 0
    assert f"after 2 of {len(whole['blocks'])} blocks" in " ".join(capsys.readouterr().out.split())
    (folder / "result.json").write_text(json.dumps(whole))
    assert main(("report", str(folder))) == 0
    assert "interrupted" not in capsys.readouterr().out


def test_the_document_shows_the_commands_of_this_test() -> None:
    text = DOCUMENT.read_text()
    commands = [
        shlex.split(line)
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith(("edgebench", "python3"))
    ]
    assert ["python3", "runner.pyz", "plan.json", "result.json"] in commands
    shown = {words[1] for words in commands if words[0] == "edgebench"}
    assert shown == {"plan", "report", "--device"}
    for words in commands:
        if words[0] == "edgebench":
            cli.build_parser().parse_args(cli._with_command(words[1:]))  # Exits where that fails.
