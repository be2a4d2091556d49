from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from tiny_models import SIDE, tiny_cnn

from edgebench.converters.artifact import Preprocessing
from edgebench.converters.export import calibration, examples
from edgebench.converters.export.examples import MINIMUM, ExampleSet
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.export.source import PLAINLY_FED
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.targets import parse
from edgebench.errors import DataError

HALF = Preprocessing((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def graph(dims: Sequence[int | str] = (1, 3, SIDE, SIDE)) -> OnnxGraph:
    return OnnxGraph(tiny_cnn(dims), "tiny", "file", "0" * 64)


def load(
    source: str,
    of: OnnxGraph,
    preprocessing: Preprocessing | None,
    model: str = "tiny.onnx",
    to: str = "onnx:int8",
) -> ExampleSet:
    request = ExportRequest(model, (parse(to),), Path("out"), calibration=source)
    return examples.load(request, of, preprocessing, None)


def two_inputs() -> OnnxGraph:
    model = tiny_cnn()
    extra = onnx.helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, [1, 4])
    model.graph.input.append(extra)
    return OnnxGraph(model, "two", "file", "0" * 64)


@pytest.mark.parametrize(
    ("wanted", "given", "data", "trained", "quantised", "chosen"),
    [
        (None, None, "scenes", True, True, "scenes"),
        (None, None, "scenes", False, False, "scenes"),
        (None, None, "imagenet", False, True, "random"),
        (None, None, None, True, False, "none"),
        (None, None, "imagenet", True, False, "none"),
        ("photos", None, None, True, True, "photos"),
        ("random", None, "imagenet", False, True, "random"),
        (None, "imagefolder:photos", None, True, True, "imagefolder:photos"),
        (None, "imagefolder:photos", "scenes", True, True, "imagefolder:photos"),
        ("others", "imagefolder:photos", None, True, True, "others"),
    ],
)
def test_the_source_follows_from_model_and_wish(
    wanted: str | None,
    given: str | None,
    data: str | None,
    trained: bool,
    quantised: bool,
    chosen: str,
) -> None:
    targets = ["tflite:int8"] * quantised
    assert calibration.choose(wanted, given, data, trained, targets, lambda: False) == chosen


@pytest.mark.parametrize(
    ("wanted", "data", "trained"),
    [
        pytest.param(None, None, True, id="a user's file without calibration"),
        pytest.param(None, "imagenet", True, id="trained, without calibration"),
        pytest.param("random", None, True, id="noise for a user's file"),
        pytest.param("random", "imagenet", True, id="noise for trained weights"),
        pytest.param("scenes", "imagenet", False, id="scenes for photographs"),
    ],
)
def test_sources_that_say_nothing_of_the_model_are_refused(
    wanted: str | None, data: str | None, trained: bool
) -> None:
    with pytest.raises(DataError) as caught:
        calibration.choose(wanted, None, data, trained, ["onnx:int8"], in_file=lambda: False)
    assert "--calibration" in caught.value.remedy


def test_a_folder_of_photos_is_split_without_overlap(photos: Path) -> None:
    made = load(str(photos), graph(), HALF)
    assert (len(made.calibration), len(made.held_out)) == (12, 4)
    assert made.meaningful
    everything = [sample["x"].tobytes() for sample in (*made.calibration, *made.held_out)]
    assert len(set(everything)) == 16


def test_photos_are_normalised_and_laid_out_as_the_input_wants(photos: Path) -> None:
    plain = load(str(photos), graph(), None).calibration[0]["x"]
    scaled = load(str(photos), graph(), HALF).calibration[0]["x"]
    assert plain.shape == (1, 3, SIDE, SIDE)
    assert 0 <= plain.min() < plain.max() <= 1
    np.testing.assert_allclose(scaled, (plain - 0.5) / 0.25, atol=1e-5)


@pytest.mark.parametrize("dims", [(1, SIDE, SIDE, 3), (1, 1, SIDE, SIDE), (1, 3, 8, SIDE)])
def test_other_layouts_grey_and_oblong_images_are_fed(photos: Path, dims: tuple[int, ...]) -> None:
    assert load(str(photos), graph(dims), None).calibration[0]["x"].shape == dims


def test_batches_are_filled_whole(photos: Path) -> None:
    made = load(str(photos), graph((2, 3, SIDE, SIDE)), None)
    assert len(made.calibration) + len(made.held_out) == 8


def test_the_hash_follows_the_pixels(photos: Path, tmp_path: Path) -> None:
    first = load(str(photos), graph(), HALF)
    assert load(str(photos), graph(), HALF).sha256 == first.sha256
    assert load(str(photos), graph(), None).sha256 != first.sha256


def test_the_identity_of_a_folder_changes_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    before = calibration.identity(str(tmp_path))
    (tmp_path / "b.png").write_bytes(b"2")
    assert calibration.identity(str(tmp_path)) != before


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent"):
        load(str(tmp_path / "absent"), graph(), None)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images"):
        load(str(tmp_path), graph(), None)


def test_too_few_images_are_refused_with_the_number_needed(tmp_path: Path) -> None:
    for i in range(MINIMUM - 1):
        Image.new("RGB", (20, 20), (i, i, i)).save(tmp_path / f"{i}.png")
    with pytest.raises(DataError, match=f"{MINIMUM - 1} .* at least {MINIMUM}"):
        load(str(tmp_path), graph(), None)
    assert load(str(tmp_path), graph(), None, to="onnx:fp32").held_out  # Nothing to calibrate.


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    for i in range(MINIMUM):
        (tmp_path / f"{i}.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"0\.png"):
        load(str(tmp_path), graph(), None)


def test_several_inputs_ask_for_npz_files(photos: Path) -> None:
    with pytest.raises(DataError, match="several inputs") as caught:
        load(str(photos), two_inputs(), None)
    assert "--data npz:PATH" in caught.value.remedy


def test_npz_files_feed_several_inputs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(MINIMUM):
        np.savez(tmp_path / f"{i}.npz", x=rng.random((1, 3, SIDE, SIDE)), mask=np.ones((1, 4)))
    made = load(str(tmp_path), two_inputs(), None)
    assert (len(made.calibration), len(made.held_out)) == (MINIMUM - 2, 2)
    assert made.calibration[0]["mask"].dtype == np.float32


def test_npz_files_that_do_not_fit_say_what_they_have(tmp_path: Path) -> None:
    np.savez(tmp_path / "0.npz", x=np.zeros((1, 3, 4, 4)))
    with pytest.raises(DataError, match=r"\(1, 3, 4, 4\) for the input 'x'"):
        load(str(tmp_path), graph(), None)


def test_mean_and_std_must_have_a_value_a_channel(photos: Path) -> None:
    with pytest.raises(DataError, match="3 channels"):
        load(str(photos), graph(), Preprocessing((0.5, 0.5), (0.2, 0.2)))


def test_noise_is_seeded_and_of_unit_variance() -> None:
    made = load("random", graph(), None, "mobilenet_v2")
    again = load("random", graph(), None, "mobilenet_v2")
    assert made.sha256 == again.sha256
    assert not made.meaningful
    assert np.std(made.calibration[0]["x"]) == pytest.approx(1.0, abs=0.01)


def test_scenes_of_training_digits_calibrate_and_of_test_digits_prove() -> None:
    made = load("scenes", graph((1, 3, 48, 48)), HALF, "scenes_v2")
    assert len(made.calibration) + len(made.tuning) == examples.CALIBRATED_ON
    assert (len(made.tuning), len(made.held_out)) == (examples.TUNED_ON, examples.PROVED_ON)


def test_only_pictures_without_mean_and_std_are_said_to_be_fed_plainly(
    photos: Path, tmp_path: Path
) -> None:
    for i in range(MINIMUM):
        np.savez(tmp_path / f"{i}.npz", x=np.random.default_rng(i).random((1, 3, SIDE, SIDE)))
    assert load(str(tmp_path), graph(), None).notes == ()
    assert load(str(photos), graph(), HALF).notes == ()
    assert load(str(photos), graph(), None).notes == (PLAINLY_FED,)
