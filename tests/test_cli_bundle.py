"""`edgebench bundle`: what an app is given, and what it is not; `test_cli_bundle_ios` has iOS."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from toy_artifacts import make_real_artifacts

from edgebench.cli import main


@pytest.fixture
def artifacts(toys: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "artifacts"
    make_real_artifacts(toys, folder)
    return folder


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of an app, with a bundle of old."""
    folder = tmp_path / "android_app"
    old = folder / "app/src/main/assets/models"
    old.mkdir(parents=True)
    (old / "old.tflite").touch()
    (folder / "settings.gradle.kts").touch()
    return folder


def bundle(app: Path, *words: str) -> int:
    return main(["bundle", *words, "--android", "--project", str(app)])


def models(app: Path) -> list[dict[str, Any]]:
    body = json.loads((app / "app/src/main/assets/models/bundle.json").read_text())
    assert body["schema"] == "edgebench.bundle/1"
    found: list[dict[str, Any]] = body["models"]
    return found


def test_models_take_the_place_of_what_was_there(artifacts: Path, app: Path) -> None:
    assert bundle(app, "plain", "attention", "--artifacts", str(artifacts)) == 0
    plain, attention = models(app)
    assert (plain["model"], attention["model"]) == ("plain", "attention")
    assert plain["task"]["outputs"][0]["role"] == "logits"
    assert plain["preprocessing"]["axes"] == [0, 2, 3, 1]
    names = {path.name for path in (app / "app/src/main/assets/models").iterdir()}
    digests = {plain["sha256"], attention["sha256"]}
    assert names == {"bundle.json", *(f"{d}.{end}" for d in digests for end in ("tflite", "json"))}


def test_a_foreign_model_is_bundled_with_what_the_user_says(toys: Path, app: Path) -> None:
    labels = app / "labels.txt"
    labels.write_text("".join(f"class {n}\n" for n in range(5)))
    words = ("--labels", str(labels), "--mean", "0.5", "--std", "0.25")
    assert bundle(app, str(toys / "int8.tflite"), *words) == 0
    (found,) = models(app)
    assert found["precision"] == "int8" and found["weights"] == "unknown"
    assert found["labels"] == [f"class {n}" for n in range(5)]
    assert found["preprocessing"]["mean"] == [0.5] * 3
    assert found["task"]["task"] == "classification"


def test_what_the_app_cannot_run_is_refused_with_the_reason(
    toys: Path, artifacts: Path, app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = str(toys / "corrupt.tflite")
    assert bundle(app, damaged) == 2
    assert (app / "app/src/main/assets/models/old.tflite").exists()
    assert "corrupt.tflite is refused" in capsys.readouterr().err
    assert bundle(app, damaged, "plain", "--artifacts", str(artifacts)) == 1
    assert [one["model"] for one in models(app)] == ["plain"]


def test_what_nobody_can_mean_is_said(
    artifacts: Path, app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ("--artifacts", str(artifacts))
    for words, said in (
        (("plan", *folder), "did you mean 'plain'"),
        (("plain", *folder, "--precisions", "int8"), "precision of plain"),
        (("plain", *folder, "--task", "detection"), "detection needs boxes"),
        ((str(tmp_path / "android_app/settings.gradle.kts"),), "is not a model file"),
        (("plain", *folder, "--labels", "none.txt"), "cannot read none.txt"),
        (("plain", *folder, "--mean", "0.1,0.2"), "2 values"),
    ):
        assert bundle(app, *words) != 0
        assert said in capsys.readouterr().err, words
    shutil.rmtree(app)
    assert bundle(app, "plain", *folder) == 2
    assert "is not the Android app" in capsys.readouterr().err
    assert main(["bundle", "plain"]) == 2
    assert "no app is named" in capsys.readouterr().err
