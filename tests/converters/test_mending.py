"""The search for a mixed precision, on a network of which two layers have to stay in float32."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import planted_defects
import pytest

from edgebench.cli import main
from edgebench.commands.common import mended_words
from edgebench.converters.artifact import Manifest
from edgebench.converters.export.batches import Batch
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.mending.budget import Budget, lost, snr_db
from edgebench.converters.mending.document import Loss, MendingSearch, MendingTrial
from edgebench.converters.mending.judge import UNKNOWN, Choice, Judge
from edgebench.converters.mending.node_times import node_times
from edgebench.converters.mending.search import Mended, mend, never_worse
from edgebench.converters.precision import MixedPrecision, RangeMethod
from edgebench.converters.targets import Target, expand, parse
from edgebench.documents import load
from edgebench.errors import UsageError
from edgebench.estimate import Estimate
from edgebench.progress import silent

FACTOR = 3000.0
IMAGES = 120


@pytest.mark.parametrize("target", ["tflite:int8", "onnx:int8"])
def test_the_layer_that_int8_cannot_hold_stays_in_float(tmp_path: Path, target: str) -> None:
    model = planted_defects.outlier_channel(FACTOR, readers=2)
    source, data = planted_defects.write_labelled(tmp_path, model, IMAGES)
    targets, _ = expand([target])
    request = ExportRequest(
        str(source), targets, tmp_path / "out", data=data, task="classification", ranges="extremes"
    )
    found = mend(request, targets[0], Budget(0.05), IMAGES, silent)
    assert found.plain.loss.value > 0.2
    assert found.within and found.found.loss.value <= 0.05
    assert "culprit" in found.found.nodes
    assert found.found.layers <= 5  # of nine: itself, and what reads it
    assert found.confirmed.figure == "top1" and found.confirmed.value < 0.2
    assert found.target.mix is not None and found.target.mix.ranges == "extremes"
    assert 0 < dict(found.tried)[found.found] < 1
    front = found.front
    assert front[0][1] == 0.0 and found.found in dict(front)
    losses = [lost(one.loss) for one, _ in front]
    assert losses == sorted(losses, reverse=True) and len(front) >= 2
    # The plain file answers the same to every image, which its errors by themselves do not tell.
    assert found.plain.loss.expected is None and found.found.loss.expected is not None
    shares = [share for _, share in front]
    assert shares == sorted(shares)
    mostly = replace(found, tried=tuple((one, 0.9) for one, _ in found.tried))
    assert "layers that take 90% of the model's time stay in" in mended_words.sentence(mostly)
    hardly = replace(found, tried=tuple((one, 0.4) for one, _ in found.tried))
    assert "of the model's time stay in" not in mended_words.sentence(hardly)
    # What was tried is kept, and a second search converts nothing but the confirmation.
    kept = load(next((tmp_path / "out").glob("*.mending.json")), MendingSearch)
    assert kept.trials[0].nodes == () == kept.trials[0].adjustments and len(kept.trials) >= 2
    again = mend(request, targets[0], Budget(0.05), IMAGES, silent)
    assert replace(again, tried=found.tried) == found  # Times differ.


def test_the_command_writes_the_mix_as_a_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = planted_defects.outlier_channel(FACTOR, readers=2)
    source, data = planted_defects.write_labelled(tmp_path, model, IMAGES)
    out = tmp_path / "out"
    words = ["export", str(source), "--to", "onnx:int8", "--data", data, "--ranges", "extremes"]
    words += ["--task", "classification", "--out", str(out), "--jobs", "1"]
    assert main([*words, "--accuracy-budget", "5%"]) == 0
    printed = capsys.readouterr()
    said = printed.err
    assert "onnx:int8 loses" in said and " in float32 (int8-within-5)" in said
    table = printed.out[printed.out.index("onnx:int8 with") :]
    assert "nothing changed" in table and "<-" in table
    assert max(map(len, table.splitlines())) <= 80
    manifest = load(out / "planted.int8-within-5.onnx.json", Manifest)
    recipe = load(out / "planted.int8-within-5.onnx.recipe.json", MixedPrecision)
    assert manifest.mix == recipe and "culprit" in {one.nodes for one in recipe.exceptions}
    # The recipe makes the same file again, as a precision of its own.
    again = tmp_path / "again"
    to = f"onnx:{out / 'planted.int8-within-5.onnx.recipe.json'}"
    assert main([*words[:3], to, *words[4:8], "--task", "classification", "--out", str(again)]) == 0
    assert load(again / manifest.file.replace(".onnx", ".onnx.json"), Manifest).sha256 == (
        manifest.sha256
    )


@pytest.mark.parametrize("target", ["tflite:int8", "onnx:int8", "openvino:int8"])
def test_what_costs_no_time_comes_before_layers_in_float(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    """Channels of neighbours can be equalised here, and the recipe does it again."""
    model = planted_defects.outlier_channel(FACTOR)
    source, data = planted_defects.write_labelled(tmp_path, model, IMAGES)
    out, again = tmp_path / "out", tmp_path / "again"
    words = ["--data", data, "--task", "classification", "--jobs", "1"]
    mended = ["export", str(source), "--to", target, *words, "--out", str(out)]
    assert main([*mended, "--ranges", "extremes", "--accuracy-budget", "5%"]) == 0
    assert "with equalised channels" in capsys.readouterr().err
    (recipe,) = out.glob("*.recipe.json")
    found = load(recipe, MixedPrecision)
    assert found.exceptions == () and found.adjustments[0] == "equalised"
    to = f"{parse(target).format}:{recipe}"
    assert main(["export", str(source), "--to", to, *words, "--out", str(again)]) == 0
    manifest = recipe.name.replace(".recipe.json", ".json")
    first, second = (load(one / manifest, Manifest) for one in (out, again))
    assert first.mix == second.mix == found
    assert first.hops[-1] == second.hops[-1]
    # NNCF numbers what it adds to a network, in its file too.
    assert first.sha256 == second.sha256 or first.format == "openvino"


LOSSES = [(0.02, 20.0), (0.04, 12.0), (0.04, 30.0), (0.0, 25.0), (0.1, 5.0)]


@pytest.mark.parametrize(("value", "level_db"), LOSSES)
def test_nothing_is_kept_that_is_no_better_than_the_plain_precision(
    value: float, level_db: float
) -> None:
    plain = _tried((), 0.04, 12.0)
    for nodes in ((), ("culprit",)):
        kept = never_worse(plain, _tried(nodes, value, level_db), Budget(0.01))
        assert kept is plain or kept.loss.value < plain.loss.value


def _tried(nodes: tuple[str, ...], value: float, level_db: float) -> MendingTrial:
    loss = Loss("top1", value, Estimate(-value, -value - 0.01, 0.01 - value), level_db)
    return MendingTrial((), nodes, len(nodes), "extremes", loss)


def test_an_snr_is_a_budget_without_labels(tmp_path: Path) -> None:
    source, samples = planted_defects.write(tmp_path, "outliers")
    target = parse("onnx:int8")
    request = ExportRequest(
        str(source), (target,), tmp_path / "out", calibration=str(samples), ranges="extremes"
    )
    plain = mend(request, target, Budget(snr_db=1.0), IMAGES, silent)
    assert plain.found == plain.plain and plain.within
    level = snr_db(plain.plain.loss)
    found = mend(request, target, Budget(snr_db=level + 6), IMAGES, silent)
    assert found.within and snr_db(found.found.loss) >= level + 6
    assert found.target.mix is not None and found.target.mix.name.endswith("dB")


def test_ranges_are_chosen_anew_without_the_layers_that_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What suits a file with outliers does not suit it without them."""
    converted, seen = Judge.converted, dict[Choice, object]()

    def watched(judge: Judge, choice: Choice, ranges: RangeMethod | None) -> tuple[Batch, Target]:
        seen.setdefault(choice, ranges)
        return converted(judge, choice, ranges)

    monkeypatch.setattr(Judge, "converted", watched)
    model = planted_defects.outlier_channel(FACTOR, readers=2)
    source, data = planted_defects.write_labelled(tmp_path, model, IMAGES)
    target = parse("onnx:int8")
    request = ExportRequest(
        str(source), (target,), tmp_path / "out", data=data, task="classification"
    )
    found = mend(request, target, Budget(snr_db=40.0), IMAGES, silent)
    by_layers = {(one.adjustments, one.nodes): one.layers for one, _ in found.tried}
    rounds = sorted(by_layers[choice] for choice, ranges in seen.items() if ranges is None)
    others = [by_layers[choice] for choice, ranges in seen.items() if ranges is not None]
    fewer = [layers for layers in others if layers]  # Without: what costs no time.
    assert len(fewer) == 1 and rounds[-2] < fewer[0] < rounds[-1]  # Within the last round.


def test_a_search_ends_in_the_middle_of_the_layers_when_its_time_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, samples = planted_defects.write(tmp_path, "outliers")
    target = parse("onnx:int8")
    request = ExportRequest(
        str(source), (target,), tmp_path / "out", calibration=str(samples), ranges="extremes"
    )
    now, seen = 0.0, []
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def progress(step: str, done: int, total: int) -> None:
        nonlocal now
        if step == "layers":
            seen.append(done)
            now += 10.0

    found = mend(request, target, Budget(snr_db=200.0), IMAGES, progress, limit_s=15.0)
    assert seen == [0, 1] and not found.finished and not found.within
    assert next((tmp_path / "out").glob("*.mending.json")).exists()  # What was tried is kept.


@pytest.mark.parametrize(
    ("lost", "low", "snr", "sure"),
    [
        (0.004, -0.0055, 25.0, True),  # 0.4 points, give or take 0.08: within half a point
        (0.004, -0.024, 25.0, False),  # give or take one: it may well be more
        (0.0, -0.02, 25.0, True),  # nothing is lost on the images there are
        (0.004, -0.024, 45.0, True),  # outputs so near are the same
        (0.006, -0.0061, 45.0, False),
    ],
)
def test_few_images_are_no_proof(lost: float, low: float, snr: float, sure: bool) -> None:
    loss = Loss("top1", lost, Estimate(-lost, low, 0.0), snr, images=100)
    assert Budget(0.005).surely_holds(loss) is sure


@pytest.mark.parametrize(
    ("level", "error", "sure"), [(20.4, 0.3, True), (20.4, 0.5, False), (19.9, 0.0, False)]
)
def test_an_snr_of_few_images_is_no_proof(level: float, error: float, sure: bool) -> None:
    loss = Loss("agreement", 0.0, UNKNOWN, level, images=100, snr_error_db=error)
    assert Budget(snr_db=20.0).surely_holds(loss) is sure


def test_an_snr_that_other_images_do_not_confirm_is_told() -> None:
    loss = Loss("agreement", 0.0, UNKNOWN, 20.4, 60, snr_error_db=0.3)
    plain, target = MendingTrial((), (), 0, "extremes", loss), parse("onnx:int8")

    def said(level: float) -> str:
        confirmed = replace(loss, snr_db=level, snr_error_db=1.2)
        return mended_words.sentence(
            Mended(
                asked=target,
                target=target,
                plain=plain,
                found=plain,
                confirmed=confirmed,
                tried=((plain, 0.0),),
                budget=Budget(snr_db=20.0),
                finished=True,
                within=True,
            )
        )

    assert said(20.1).endswith("; on 60 other images it has 20.1 dB")
    assert "other images it has 16.7 dB ± 1.2: give more images" in said(16.7)


def test_how_many_images_it_takes() -> None:
    loss = Loss("top1", 0.02, Estimate(-0.02, -0.06, 0.01), 25.0, images=100)
    assert Budget(0.02).images_needed(loss) == 400  # four points of reach, two wanted
    assert Budget(0.05).images_needed(loss) is None
    assert Budget(snr_db=20.0).images_needed(loss) is None


@pytest.mark.parametrize(
    ("text", "budget"),
    [("0.5%", Budget(0.005)), ("0.02", Budget(0.02)), ("20dB", Budget(snr_db=20.0))],
)
def test_budgets_are_read(text: str, budget: Budget) -> None:
    assert Budget.read(text) == budget


@pytest.mark.parametrize("text", ["0", "1.5", "dB", "-3dB", "potato", "300dB", "nan", "nandB"])
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(ValueError):
        Budget.read(text)


def test_a_precision_without_exceptions_is_refused(tmp_path: Path) -> None:
    source, samples = planted_defects.write(tmp_path, "outliers")
    request = ExportRequest(str(source), (parse("onnx:fp16"),), tmp_path, calibration=str(samples))
    with pytest.raises(UsageError, match="onnx:fp16 can have no exceptions"):
        mend(request, parse("onnx:fp16"), Budget(0.01), IMAGES, silent)


def test_every_node_is_timed() -> None:
    model = planted_defects.outlier_channel()
    times = node_times(model, dict(planted_defects._image(0)))
    assert {"stem", "culprit", "after", "head"} <= set(times)
    assert all(time >= 0 for time in times.values())


def test_a_figure_for_other_tools_is_one_where_nothing_is_lost() -> None:
    """NNCF divides by what the float model comes to."""
    share, level = Budget(share=0.02), Budget(snr_db=20.0)
    none = Loss("agreement", 0.0, UNKNOWN, None, 8)
    some = Loss("agreement", 0.03, UNKNOWN, 17.0, 8)
    assert share.figure(none) == level.figure(none) == 1.0
    assert share.figure(some) == pytest.approx(0.97) and level.figure(some) == pytest.approx(-2.0)
