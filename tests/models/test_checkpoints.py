"""The checkpoints that are shipped: whole, as good as they say, and summarised truthfully."""

from __future__ import annotations

import functools
import re
from dataclasses import replace

import pytest
import torch

from edgebench import documents
from edgebench.models import evaluate, heads_summary, located, manifest, registry, summary
from edgebench.models.build import build
from edgebench.models.data import scene_set, scenes
from edgebench.models.manifest import Accuracy, Checkpoint

RECORDS = summary.shipped()
# Of the other seeds, which nothing is built with, there are only the manifests.
SHIPPED = {stem: record for stem, record in RECORDS.items() if record.seed == 0}
evaluation = functools.cache(scenes.evaluation)


def test_every_model_with_a_checkpoint_has_one_and_no_file_is_left_over() -> None:
    wanted = {spec.checkpoint for spec in registry.MODELS.values() if spec.checkpoint}
    assert {name for name in wanted if "/" not in name} <= set(RECORDS)
    assert all(manifest.shipped(name) for name in wanted)
    weights = {path.stem for path in manifest.SHIPPED.glob("*.safetensors")}
    assert weights == set(SHIPPED)


def test_position_is_judged_over_three_seeds() -> None:
    for model in ("scenes_v2", "scenes_v2_se", "scenes_v2_ca"):
        assert len({r.seed for r in RECORDS.values() if r.model == model}) >= 3


def test_all_checkpoints_share_one_recipe() -> None:
    recipes = {re.sub("--(kinds|seeds) [^ ]+ ", "", r.command) for r in RECORDS.values()}
    assert len(recipes) == 1
    assert {r.recipe_sha256 for r in RECORDS.values()} == {scenes.recipe_sha256(scenes.SIZE)}


def test_checkpoints_stay_within_25_megabytes() -> None:
    assert sum(path.stat().st_size for path in manifest.SHIPPED.rglob("*")) < 25e6


@pytest.mark.parametrize("stem", SHIPPED)
def test_a_checkpoint_gives_the_accuracy_it_records(stem: str) -> None:
    record = RECORDS[stem]
    assert record.accuracy is not None
    weights = manifest.shipped(stem)
    assert weights is not None
    assert documents.sha256(weights) == record.weights_sha256
    model = build(registry.get(record.model), weights)
    assert model.trained
    assert model.accuracy == record.accuracy
    found = evaluate.accuracy(
        model.module, [evaluation(record.accuracy.count)], torch.device("cpu")
    )
    assert found is not None
    # Another machine rounds differently, which may turn a scene that is on the edge.
    assert abs(found.top1 - record.accuracy.top1) <= 2 / record.accuracy.count


def test_every_checkpoint_has_learnt_the_task() -> None:
    reached = {stem: r.accuracy.top1 for stem, r in RECORDS.items() if r.accuracy}
    assert set(reached) == set(RECORDS) and min(reached.values()) >= 0.98


def test_a_scenes_model_is_built_with_its_shipped_weights() -> None:
    model = build(registry.get("scenes_v2_ca"))
    assert model.trained
    assert model.accuracy == RECORDS["scenes_v2_ca"].accuracy


def test_the_page_is_what_the_manifests_say() -> None:
    page = (manifest.SHIPPED / "README.md").read_text()
    assert page == summary.markdown(RECORDS), "python -m edgebench.models.summary writes it again"


def record(model: str, seed: int, top1: float) -> Checkpoint:
    some = next(iter(RECORDS.values()))
    return replace(some, model=model, seed=seed, accuracy=Accuracy(top1, top1, top1, 100))


def test_gains_are_paired_by_seed_with_students_interval() -> None:
    records = {
        f"{model}{seed}": record(model, seed, base + 0.02 * (model != "scenes_v2") * (seed + 1))
        for seed, base in enumerate((0.5, 0.7, 0.9))
        for model in ("scenes_v2", "scenes_v2_ca")
    }
    records["scenes_v2_se0"] = record("scenes_v2_se", 0, 0.9)
    (found,) = summary.differences(summary.by_seed(records))
    assert (found.model, found.over, found.seeds) == ("scenes_v2_ca", "scenes_v2", 3)
    # Gains 2, 4, 6: mean 4, standard error 2 / sqrt 3, t(0.975, 2) = 4.30265.
    half = 0.0430265 * 2 / 3**0.5
    assert found.gain == pytest.approx(0.04)
    assert [found.low, found.high] == pytest.approx([0.04 - half, 0.04 + half], abs=1e-6)
    assert "undecided" in found.verdict


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [([0.05, 0.051, 0.049], "better"), ([-0.05, -0.051, -0.049], "worse"), ([-0.1, 0.1], "undec")],
)
def test_the_verdict_follows_the_interval(gains: list[float], verdict: str) -> None:
    assert summary.difference("scenes_v2_ca", "scenes_v2", gains).verdict.startswith(verdict)


def test_one_seed_gives_no_interval() -> None:
    with pytest.raises(ValueError, match="at least two"):
        summary.difference("scenes_v2_ca", "scenes_v2", [0.1])


HEADS = {
    path.stem: documents.load(path, Checkpoint)
    for path in sorted(heads_summary.FOLDER.glob("*.json"))
}


def test_heads_checkpoints_are_those_of_the_registry_and_of_one_recipe_each() -> None:
    wanted = {spec.checkpoint for spec in registry.MODELS.values() if spec.checkpoint}
    first = {stem for stem, record in HEADS.items() if record.seed == 0}
    assert {name for name in wanted if "/" in name} == {f"heads/{stem}" for stem in first}
    weights = {path.stem for path in heads_summary.FOLDER.glob("*.safetensors")}
    assert weights == first
    recipes: dict[str, set[str]] = {}
    for record in HEADS.values():
        _, _, recipe = record.command.partition(f"train {record.model} ")
        plain = re.sub(r" --seed \d| --init [\w.]+", "", recipe)
        recipes.setdefault(record.model.partition("_")[0], set()).add(plain)
    assert all(len(found) == 1 for found in recipes.values())


def test_the_claim_on_heads_is_judged_over_five_seeds() -> None:
    for model in {record.model for record in HEADS.values()}:
        assert {one.seed for one in HEADS.values() if one.model == model} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("stem", ["ssdlite_scenes_v2_ca", "lraspp_scenes_v2_ca"])
def test_a_heads_checkpoint_gives_the_score_it_records(stem: str) -> None:
    record = HEADS[stem]
    spec = registry.get(record.model)
    model = build(spec)
    assert model.trained and record.score is not None
    examples = scene_set.located(record.score.images, spec.input_size, spec.task)
    found = located.scored(
        model.module, spec, examples, scenes.MEAN, scenes.STD, torch.device("cpu")
    )
    assert found is not None
    for name, figure in record.score.figures.items():
        # Another machine rounds differently, which may turn what is on the edge.
        assert found.figures[name].value == pytest.approx(figure.value, abs=0.003)


def test_the_page_of_the_heads_is_what_their_manifests_say() -> None:
    page = (heads_summary.FOLDER / "README.md").read_text()
    made = heads_summary.markdown(summary.shipped(heads_summary.FOLDER))
    assert page == made, "python -m edgebench.models.heads_summary writes it again"
