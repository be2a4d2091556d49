"""`edgebench search` through the command line, with real exports, runs and trainings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebench import documents
from edgebench.benchmarks.search.candidates import Candidate
from edgebench.benchmarks.search.document import SearchDocument
from edgebench.cli import main
from edgebench.commands.search import naming, trainings
from edgebench.errors import UsageError

WORDS = (
    "search resnet18_w025_s32 --kinds eca --paper eca --to onnx:fp32 --budget 90% --measure 20s "
    "--candidates 2 --epochs 4"
)
SEARCH = WORDS.split()


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs of a batch, which is enough to be trained at all."""
    monkeypatch.setattr(trainings, "SCENES_PER_EPOCH", 64)


@pytest.mark.slow
def test_a_search_ends_goes_on_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*SEARCH, "--out", str(tmp_path)]
    train, count = trainings.train, 0

    def interrupted(*given: object) -> object:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return train(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(trainings, "train", interrupted)
    assert main(words) == 130
    begun = documents.load(tmp_path / "search.json", SearchDocument)
    assert len(begun.attempts) == 2 and begun.prices and begun.measured is None
    assert {one.stage for one in begun.prices} == {2, 3, 4, 5}
    capsys.readouterr()

    assert main([*words, "--html"]) == 0
    shown = capsys.readouterr().out
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "eca (published)" in shown and "Extrapolated" in shown
    assert "Pareto" in (tmp_path / "search.html").read_text()
    ended = documents.load(tmp_path / "search.json", SearchDocument)
    assert ended.attempts[:2] == begun.attempts
    assert not list((tmp_path / "trainings").glob("*"))

    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "edgebench.search-outcome/1"
    assert {one["candidate"]["kind"] for one in found["finalists"]} == {"none", "eca"}

    assert main([*words, "--budget", "5%"]) == 2
    assert "another budget" in capsys.readouterr().err


def test_a_kind_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "resnet18", "--kinds", "sea"]) == 2
    assert "unknown attention 'sea'" in capsys.readouterr().err


def test_a_model_with_attention_is_no_backbone() -> None:
    with pytest.raises(UsageError, match="is no backbone"):
        naming.plain("mobilenet_v2_ca")
    assert naming.plain("efficientnet_b0") == "efficientnet_b0_none"


@pytest.mark.parametrize(
    ("backbone", "label", "name"),
    [
        ("mobilenet_v2", "ca_at45", "mobilenet_v2_ca_at45"),
        ("resnet18_w025_s32", "se_at5", "resnet18_w025_se_at5_s32"),
        ("efficientnet_b0_none", "ela", "efficientnet_b0_none_ela"),
    ],
)
def test_names_are_those_that_can_be_exported(backbone: str, label: str, name: str) -> None:
    from edgebench.models import registry

    assert naming.model(backbone, Candidate(label)) == name
    assert registry.get(name).attention == label.partition("_")[0]


def test_a_large_model_is_trained_narrow_on_small_scenes() -> None:
    assert naming.trained_for("mobilenet_v2_w075_s160", "scenes") == "mobilenet_v2_w035_s48"
    assert naming.trained_for("resnet18_w025_s32", "scenes") == "resnet18_w025_s32"
    assert naming.trained_for("mobilenet_v2", "imagefolder:x") == "mobilenet_v2"
