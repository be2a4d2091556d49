"""`make experiment-attention`: trainings, their records and the table, by its program."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

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


def test_a_processor_trains_a_gpus_recipe_and_the_page_says_who_trained_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = replace(RECIPES["scenes_v2_gpu"], images=16, batch=8, test_images=50)
    monkeypatch.setitem(RECIPES, "scenes_v2_gpu", tiny)
    records, page_at = tmp_path / "r.jsonl", tmp_path / "attention.md"
    words = ["--recipe", "scenes_v2_gpu", "--records", str(records), "--states", str(tmp_path)]
    words += ["--kinds", "ca_late", "--seeds", "2", "--device", "cpu"]
    assert attention.main([*words, "--page", str(page_at)]) == 0
    assert "scenes_v2_gpu: 4 trainings, 0 left" in capsys.readouterr().out
    assert "hours of one core.\nThe standard" in page_at.read_text()
    lines = records.read_text().splitlines()
    on_gpu = [line.replace('"device": "cpu"', '"device": "cuda"') for line in lines[:2]]
    named = [line.replace('"tools": {', '"tools": {"gpu": "NVIDIA X", ') for line in on_gpu]
    records.write_text("\n".join([*named, *lines[2:]]) + "\n")
    assert attention.main([*words, "--show", "--page", str(page_at)]) == 0
    said = page_at.read_text()
    assert "minutes of NVIDIA X or " in said
    assert "Seeds 0 to 0 on a GPU and 1 to 1 on a processor" in said


def test_what_only_some_recipes_have_is_refused_for_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "chosen", lambda name: torch.device("cuda"))
    assert attention.main(["--recipe", "scenes_v2_gpu", "--jobs", "2"]) == 2
    assert "leave out --jobs" in capsys.readouterr().err
    assert attention.main([*WORDS, "--weights", str(tmp_path)]) == 2
    assert "keeps no weights" in capsys.readouterr().err


def test_a_page_says_how_much_is_missing() -> None:
    assert page.markdown([], "attention").count("## ") == 1
