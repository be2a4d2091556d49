"""The experiment on attention: pairs, resuming, records and statistics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from edgebench.errors import InvalidFileError
from edgebench.models.trial import records, scene_batches, training
from edgebench.models.trial.gains import Gain, distance, gains, top1
from edgebench.models.trial.recipe import KINDS, RECIPES, TrialRecipe
from edgebench.models.trial.records import TrialRecord
from edgebench.models.trial.series import Series, carry_out, left, of_recipe
from edgebench.progress import silent

TINY = replace(RECIPES["resnet18"], name="tiny", images=8 * 12, batch=8, test_images=60)
CPU = torch.device("cpu")


def _record(kind: str, seed: int, correct: int, recipe: TrialRecipe = TINY) -> TrialRecord:
    return TrialRecord(
        recipe.name, recipe.sha256, kind, seed, correct, 1000, "0", 0.1, 1.0, "cpu", {}
    )


@pytest.mark.parametrize("kind", KINDS[1:])
def test_pairs_begin_with_the_same_shared_weights(kind: str) -> None:
    plain = training.initial(TINY.model("none"), TINY.model("none"), 3).state_dict()
    paired = training.initial(TINY.model(kind), TINY.model("none"), 3).state_dict()
    assert all(torch.equal(value, paired[name]) for name, value in plain.items())
    assert kind == "simam" or len(paired) > len(plain)


def test_pairs_see_the_same_images_and_seeds_other_ones() -> None:
    first, labels = scene_batches.batches(TINY, 1, 5)
    other, _ = scene_batches.batches(TINY, 2, 5)
    scene_batches._kept.cache_clear()
    again, labels_again = scene_batches.batches(TINY, 1, 5)
    assert torch.equal(first, again) and torch.equal(labels, labels_again)
    assert not torch.equal(first, other)


def test_the_curriculum_leads_to_the_task() -> None:
    recipe = RECIPES["resnet18"]
    shown = [recipe.digits(step) for step in range(recipe.steps)]
    assert shown == sorted(shown) and set(shown) == {1, 2, 3}
    assert shown.count(3) == 0.7 * recipe.steps


# What two steps of each kind come to. Where these change, `recipe.VERSION` has to be raised:
# trainings of before cannot be paired with those of now.
LOSSES = {
    "none": 2.43014,
    "se": 2.35947,
    "eca": 2.38234,
    "cbam": 2.33063,
    "triplet": 2.41747,
    "ca": 2.33712,
    "ela": 2.36805,
    "simam": 2.36079,
    "sca": 2.42058,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_is_the_one_that_the_records_are_of(kind: str, tmp_path: Path) -> None:
    two = replace(TINY, images=16)
    found = training.train(two, kind, 0, tmp_path / "state.pt", CPU)
    assert found.loss == pytest.approx(LOSSES[kind], abs=2e-3), "raise VERSION in trial/recipe.py"


def test_a_training_that_was_killed_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = training.train(TINY, "ca", 0, tmp_path / "whole.pt", CPU)
    monkeypatch.setattr(training, "SAVE_EVERY_S", 0.0)

    step, steps = training._train_step, 0

    def killed(*given: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 8:
            raise KeyboardInterrupt
        step(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "_train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        training.train(TINY, "ca", 0, tmp_path / "killed.pt", CPU)
    made = []
    monkeypatch.setattr(training, "_train_step", lambda *given: (made.append(1), step(*given)))
    resumed = training.train(TINY, "ca", 0, tmp_path / "killed.pt", CPU)
    assert len(made) == TINY.steps - 7
    assert resumed.answers_sha256 == whole.answers_sha256
    assert resumed.loss == whole.loss


def test_a_state_of_another_training_is_not_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    path.write_bytes(b"no state")
    found = training.train(TINY, "none", 0, path, CPU)
    assert found.count == TINY.test_images


def test_a_series_trains_what_is_missing_and_nothing_twice(tmp_path: Path) -> None:
    recipe = replace(TINY, images=16)
    series = Series(recipe, ("none", "eca"), 2, tmp_path / "r.jsonl", tmp_path, "cpu")
    records.append(series.records, _record("none", 0, 5, recipe))
    assert left(series) == [("eca", 0), ("none", 1), ("eca", 1)]
    assert carry_out(replace(series, parts=2), silent) == 2
    assert carry_out(series, silent) == 1
    assert left(series) == []
    assert carry_out(series, silent) == 0
    assert records.load(series.records)[0].correct == 5
    assert not list(tmp_path.glob("*.pt"))


def test_records_of_another_recipe_do_not_count() -> None:
    other = replace(TINY, learning_rate=0.1)
    found = [_record("none", 0, 1, other), _record("none", 0, 2), _record("none", 0, 3)]
    assert [one.correct for one in of_recipe(found, TINY)] == [2]


def test_a_record_that_was_cut_off_is_left_out_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    records.append(path, _record("none", 0, 5))
    path.write_bytes(path.read_bytes() + b'{"recipe": "ti')
    assert len(records.load(path)) == 1
    records.append(path, _record("se", 0, 6))
    assert [one.correct for one in records.load(path)] == [5, 6]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("{}\n")
    with pytest.raises(InvalidFileError, match="line 1"):
        records.load(path)


def _made(gain: float, spread: float, count: int) -> list[TrialRecord]:
    rng = np.random.default_rng(5)
    made = []
    for seed in range(count):
        base = int(800 + rng.normal(0, 10))
        made += [
            _record("none", seed, base),
            _record("ca", seed, base + int(1000 * (gain + rng.normal(0, spread)))),
            _record("se", seed, base + int(1000 * rng.normal(0, spread))),
        ]
    return made


def test_a_gain_is_that_of_scipys_paired_test() -> None:
    found = top1(_made(0.02, 0.01, 8))
    known = {one.kind: one for one in gains(found)}
    for kind in ("ca", "se"):
        pair = list(found[kind].values()), list(found["none"].values())
        test = stats.ttest_rel(*pair)
        interval = test.confidence_interval(0.95)
        one = known[kind]
        assert one.p == pytest.approx(test.pvalue)
        assert (one.low, one.high) == pytest.approx((interval.low, interval.high))
    raw = sorted(one.p or 0 for one in known.values())
    expected = (min(1, 2 * raw[0]), max(min(1, 2 * raw[0]), raw[1]))
    assert sorted(one.adjusted or 0 for one in known.values()) == pytest.approx(expected)


def test_only_seeds_of_both_are_paired() -> None:
    found = top1([_record("none", 0, 700), _record("ca", 0, 720), _record("ca", 1, 900)])
    assert gains(found) == [Gain("ca", 1, 0.81, pytest.approx(0.02))]
    assert gains(found)[0].verdict == "too few seeds"


@pytest.mark.parametrize("count", [3, 8, 20])
def test_what_is_detectable_is_detected_as_often_as_said(count: int) -> None:
    offset = distance(count)
    rng = np.random.default_rng(0)
    drawn = rng.normal(offset / np.sqrt(count), 1.0, (40_000, count))
    p = stats.ttest_1samp(drawn, 0, axis=1).pvalue
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.01)


def test_a_spread_of_nothing_is_judged() -> None:
    same = [_record(kind, seed, 700) for kind in ("none", "simam") for seed in range(3)]
    (one,) = gains(top1(same))
    assert (one.p, one.verdict, one.detectable) == (1.0, "undecided", 0.0)


def test_the_page_is_that_of_the_records() -> None:
    from edgebench.commands.attention import page

    docs = Path(__file__).parents[2] / "docs"
    every = records.load(records.FILE)
    remedy = "python -m edgebench.commands.attention --show --page docs/attention.md"
    assert (docs / "attention.md").read_text() == page.markdown(every, "attention"), remedy
    for name, svg in page.pictures(every, "attention").items():
        assert (docs / name).read_text() == svg, remedy
