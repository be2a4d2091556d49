"""The experiment on attention: pairs, resuming, records and statistics."""

from __future__ import annotations

import resource
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from edgebench import documents
from edgebench.errors import InvalidFileError, UnwritableError, UsageError
from edgebench.models import manifest, registry
from edgebench.models.build import build
from edgebench.models.trial import kept, records, scene_batches, series, together, training
from edgebench.models.trial.gains import Gain, distance, gains, top1
from edgebench.models.trial.recipe import KINDS, RECIPES, TrialRecipe
from edgebench.models.trial.records import TrialRecord
from edgebench.models.trial.series import TrialSeries, carry_out, left, of_recipe
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
    whole = TrialSeries(recipe, ("none", "eca"), 2, tmp_path / "r.jsonl", tmp_path, "cpu")
    records.append(whole.records, _record("none", 0, 5, recipe))
    assert left(whole) == [("eca", 0), ("none", 1), ("eca", 1)]
    assert carry_out(replace(whole, parts=2), silent) == 2
    assert carry_out(whole, silent) == 1
    assert left(whole) == []
    assert carry_out(whole, silent) == 0
    assert records.load(whole.records)[0].correct == 5
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


def test_a_seed_of_another_device_is_no_pair() -> None:
    found = [_record("none", 0, 700), replace(_record("ca", 0, 720), device="cuda")]
    assert gains(top1(found)) == []


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
    assert (one.p, one.verdict, one.detectable) == (1.0, "within a point", 0.0)


def test_the_page_is_that_of_the_records() -> None:
    from edgebench.commands.attention import page

    docs = Path(__file__).parents[2] / "docs"
    every = records.load(records.FILE)
    remedy = "python -m edgebench.commands.attention --show --page docs/attention.md"
    assert (docs / "attention.md").read_text() == page.markdown(every, "attention"), remedy
    for name, svg in page.pictures(every, "attention").items():
        assert (docs / name).read_text() == svg, remedy


ON_GPU = replace(
    RECIPES["scenes_v2_gpu"], name="tiny_gpu", size=32, images=8 * 12, batch=8, test_images=60
)


def test_trainings_together_are_those_that_each_is_alone() -> None:
    pairs = [("none", 0), ("ca", 0), ("ca", 1)]
    company = together.train(ON_GPU, pairs, CPU)
    assert [(one.kind, one.seed) for one in company] == pairs
    (alone,) = together.train(ON_GPU, [("ca", 1)], CPU)
    assert alone.result.answers_sha256 == company[2].result.answers_sha256
    assert [x.loss for x in alone.log] == [x.loss for x in company[2].log]
    assert company[1].result.loss != company[2].result.loss


def test_a_step_together_is_a_step_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same images give the loss and the weights that the training on a processor gives."""
    feed = together.TrialFeed(ON_GPU, [2], CPU)
    monkeypatch.setattr(
        training, "batches", lambda recipe, seed, step: (feed.images[2], feed.labels[2])
    )
    rate = torch.zeros(())
    ours = together._begun(ON_GPU, "se", 2, feed, rate, CPU)
    theirs = training._begun(ON_GPU, ON_GPU.model("se"), ON_GPU.model("none"), 2, CPU)
    losses = []
    for step in range(6):
        feed.fill(step)
        rate.fill_(ON_GPU.rate(step))
        for one in (ours.module, theirs.module):
            found = torch.nn.functional.cross_entropy(one(feed.images[2]), feed.labels[2])
            losses.append(float(found.detach()))
        ours.step(ON_GPU.average_decay)
        training._train_step(ON_GPU, theirs, 2, CPU)
    assert losses[::2] == pytest.approx(losses[1::2], rel=1e-3)
    assert len(set(losses[::2])) == 6


def test_a_training_together_that_diverges_is_named() -> None:
    with pytest.raises(training.DivergedTrialError, match="none with seed 0"):
        together.train(replace(ON_GPU, learning_rate=1e30), [("none", 0)], CPU)


def test_the_weights_of_a_gpus_training_are_a_checkpoint(tmp_path: Path) -> None:
    (one,) = together.train(ON_GPU, [("eca", 1)], CPU)
    kept.save(tmp_path, ON_GPU, one, CPU, {"torch": "x"})
    weights = tmp_path / f"{ON_GPU.model('eca')}_s1.safetensors"
    record = manifest.of(weights)
    assert record is not None and record.accuracy is not None and record.seed == 1
    assert record.weights_sha256 == documents.sha256(weights)
    assert "--kinds eca --seeds 2 --weights" in record.command
    built = build(registry.get(record.model), weights)
    assert built.accuracy == record.accuracy


def test_trainings_together_that_were_killed_end_as_if_they_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, state = [("none", 1), ("ca", 1)], tmp_path / "state.pt"
    whole = together.train(ON_GPU, pairs, CPU)
    monkeypatch.setattr(together, "SAVE_EVERY_S", 0.0)
    shown: list[int] = []

    def killed_in_step_10(name: str, done: int, of: int) -> None:
        shown.append(done)
        if done == 10:  # The state is that of step 9, in the middle of a block of images.
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together.train(ON_GPU, pairs, CPU, killed_in_step_10, state)
    shown.clear()
    resumed = together.train(ON_GPU, pairs, CPU, lambda name, done, of: shown.append(done), state)
    assert shown == [9, 10, 11, 12]
    for one, other in zip(resumed, whole, strict=True):
        assert replace(one.result, took_s=0) == replace(other.result, took_s=0)
        assert one.log == other.log
        kept, wanted = one.module.state_dict(), other.module.state_dict()
        assert all(torch.equal(kept[name], wanted[name]) for name in wanted)
    together.train(ON_GPU, [("none", 1)], CPU, lambda name, done, of: shown.append(done), state)
    assert shown[4] == 0  # A state of others is no state.


@pytest.mark.parametrize("of", ["alone", "together"])
def test_a_full_disk_is_said_and_the_state_before_it_stays(
    of: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(together, "SAVE_EVERY_S", 0.0)
    state = tmp_path / "state.pt"
    state.write_bytes(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # So that a write fails instead.
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        with pytest.raises(UnwritableError, match="cannot write"):
            if of == "alone":
                training.train(TINY, "none", 0, state, CPU)
            else:
                together.train(ON_GPU, [("none", 0)], CPU, state=state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handled)
    assert state.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


def test_a_processor_trains_a_gpus_recipe_seed_by_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = TrialSeries(ON_GPU, ("none", "eca"), 3, tmp_path / "r.jsonl", tmp_path, "cpu")
    records.append(whole.records, _record("none", 0, 5, ON_GPU))
    groups, train = [], together.train
    monkeypatch.setattr(
        together,
        "train",
        lambda recipe, wanted, *rest: (groups.append(wanted), train(recipe, wanted, *rest))[1],
    )
    assert carry_out(replace(whole, parts=2), silent) == 3
    assert groups == [[("eca", 0)], [("none", 2), ("eca", 2)]]
    assert carry_out(whole, silent) == 2
    assert left(whole) == [] and not list(tmp_path.glob("*.pt"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_captured_steps_give_what_the_same_steps_give_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = torch.device("cuda")
    pairs = [(kind, 0) for kind in KINDS]
    captured = together.train(ON_GPU, pairs, device)
    monkeypatch.setattr(together, "WARM_UP", ON_GPU.steps)
    for one, other in zip(captured, together.train(ON_GPU, pairs, device), strict=True):
        assert other.result.loss == pytest.approx(one.result.loss, rel=1e-3)


def test_a_gpu_that_is_too_small_is_told_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(together, "train", full)
    with pytest.raises(UsageError, match="too little memory for 1 networks"):
        series._together(ON_GPU, [("none", 0)], CPU, silent, Path("state.pt"))


def test_an_interval_within_a_point_is_as_good_as_none() -> None:
    def one(low: float, high: float) -> Gain:
        return Gain("ca", 4, 0.9, (low + high) / 2, low, high, 0.001, 0.5, 0.9, 0.005)

    assert one(-0.004, 0.009).verdict == "within a point"
    assert one(-0.004, 0.011).verdict == "undecided"
