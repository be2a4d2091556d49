"""`make experiment-attention`: trainings, their records and the table, by its program."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgebench.commands.attention import __main__ as attention
from edgebench.commands.attention import page
from edgebench.models.trial import series as trials
from edgebench.models.trial.recipe import RECIPES

WORDS = ["--kinds", "eca", "--seeds", "2", "--device", "cpu"]


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(RECIPES["resnet18"], images=16, batch=8, test_images=50)
    monkeypatch.setitem(RECIPES, "resnet18", recipe)


def test_it_trains_what_is_missing_and_shows_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*WORDS, "--records", str(tmp_path / "r.jsonl"), "--states", str(tmp_path)]
    train, count = trials.train, 0

    def killed(*given: object) -> object:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return train(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(trials, "train", killed)
    assert attention.main(words) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert attention.main([*words, "--page", str(tmp_path / "attention.md")]) == 0
    said = capsys.readouterr()
    assert "2 of 4 trainings are left" in said.err
    assert "4 trainings, 0 left" in said.out and all(len(x) <= 80 for x in said.out.splitlines())
    assert (tmp_path / "attention-resnet18.svg").read_text().startswith("<svg xmlns")
    assert "| eca | 2 |" in (tmp_path / "attention.md").read_text()
    assert attention.main([*words, "--show", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["seed"]) for one in found] == [
        ("none", 0),
        ("eca", 0),
        ("none", 1),
        ("eca", 1),
    ]


def test_an_unknown_kind_or_recipe_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert attention.main(["--kinds", "sea"]) == 2
    assert "unknown attention 'sea'" in capsys.readouterr().err
    assert attention.main(["--recipe", "vgg"]) == 2
    assert "resnet18" in capsys.readouterr().err


def test_a_gpus_recipe_is_refused_without_a_gpu_and_takes_placements(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--recipe", "scenes_v2_gpu", "--records", str(tmp_path / "r.jsonl")]
    assert attention.main([*words, "--kinds", "ca_late", "--device", "cpu"]) == 2
    assert "is for a CUDA device" in capsys.readouterr().err
    assert attention.main([*words, "--jobs", "2"]) == 2
    assert "leave out --jobs" in capsys.readouterr().err
    assert attention.main([*WORDS, "--weights", str(tmp_path)]) == 2
    assert "keeps no weights" in capsys.readouterr().err


def test_a_page_says_how_much_is_missing() -> None:
    assert page.markdown([], "attention").count("## ") == 1
