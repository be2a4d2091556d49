"""The drift chain on networks with a planted defect, and its figures against other people's."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import planted_defects
import pytest
from scipy.spatial.distance import cosine
from scipy.stats import entropy

from edgebench import tasks
from edgebench.converters.drift.chain import ChainLink, follow
from edgebench.converters.drift.difference import RESOLUTION, Meaning, images_needed
from edgebench.converters.drift.document import DriftReport, HopDifference
from edgebench.converters.drift.drift import drift
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.targets import expand
from edgebench.errors import UnsupportedModelError
from edgebench.intervals import Estimate, paired_difference
from edgebench.progress import silent
from edgebench.tasks.exchanged import expected_loss
from edgebench.tasks.task import ModelOutput, Signature

CLASSES, IMAGES = 6, 40


def followed(source: Path, samples: Path, to: str) -> DriftReport:
    targets, _ = expand([to])
    request = ExportRequest(str(source), targets, source.parent, calibration=str(samples))
    return drift(request, images=100).report


@pytest.mark.parametrize(
    ("defect", "target"),
    [
        *(
            ("outliers", one)
            for one in ("tflite:int8", "onnx:int8", "openvino:int8", "coreml:w8a8")
        ),
        *(
            ("shared_scale", one)
            for one in ("tflite:int8", "onnx:int8", "openvino:int8", "coreml:w8a8")
        ),
        ("fixed_scale", "tflite:int8"),
        # Here the sigmoid's scale is chosen, and one channel chooses it for all others.
        *(("fixed_scale outliers", one) for one in ("onnx:int8", "coreml:w8a8")),
        ("weights_one_scale", "coreml:palettized6"),
        ("overflow", "onnx:fp16"),
    ],
)
def test_the_first_row_names_the_planted_layer_and_its_cause(
    tmp_path: Path, defect: str, target: str
) -> None:
    planted, defect = defect.split()[0], defect.split()[-1]
    report = followed(*planted_defects.write(tmp_path, planted), target)
    (found,) = report.targets
    first = found.layers[0]
    assert first.cause is not None and first.cause.id == defect
    # A value that shares a concatenation's scale is rounded where it is made, not where it joins.
    named = first.cause.values["op"] if defect == "shared_scale" else first.node
    assert named == "culprit" or "culprit" in first.nodes[-1]
    assert first.share > 0.5
    assert first.output_db is not None and first.output_db < 25
    # Putting the layer's own error into the float model gives what the whole file loses there.
    file = next(hop for hop in found.hops if hop.stage == "file")
    assert file.source is not None and file.source.worst is not None
    if defect != "overflow":
        assert file.source.worst.snr_db == pytest.approx(first.output_db, abs=3)


def test_weights_that_float16_cannot_hold_are_named(tmp_path: Path) -> None:
    report = followed(*planted_defects.write(tmp_path, "overflow"), "tflite:fp16")
    first = report.targets[0].layers[0]
    assert first.node == "culprit"
    assert first.cause is not None and first.cause.id == "weights_beyond_half"


def test_a_sound_file_has_no_layers_to_look_for(tmp_path: Path) -> None:
    report = followed(*planted_defects.write(tmp_path, "outliers"), "tflite:fp32")
    (found,) = report.targets
    assert [hop.stage for hop in found.hops] == ["file", "kernels"]
    assert not found.layers
    assert [hop.name for hop in report.hops] == ["onnx file"]


def test_calibration_data_is_named_by_its_hash(tmp_path: Path) -> None:
    source, samples = planted_defects.write(tmp_path, "outliers")
    first, again = (followed(source, samples, "tflite:int8").calibration for _ in range(2))
    assert first is not None and first == again
    assert first.source == samples.name
    (samples / "0.npz").unlink()
    other = followed(source, samples, "tflite:int8").calibration
    assert other is not None and other.sha256 != first.sha256


def read(labels: np.ndarray) -> Meaning:
    task = tasks.get("classification")
    assignment = task.assign(Signature((ModelOutput("logits", (1, CLASSES)),)), {})
    return Meaning(["logits"], assignment, task.truth({"labels": labels}), None)


def outputs(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    source = rng.standard_normal((IMAGES, 1, CLASSES)).astype(np.float32) * 3
    found = source + rng.standard_normal(source.shape).astype(np.float32)
    return source, found, rng.integers(0, CLASSES, IMAGES)


def test_the_figures_are_those_of_scipy() -> None:
    source, found, labels = outputs(1)
    links = [
        ChainLink("source", "torch", [[one] for one in source]),
        ChainLink("file", "tflite:int8", [[one] for one in found]),
    ]
    hop = follow(links, read(labels), IMAGES, silent).hops[1]
    assert hop.source is not None
    (output,) = hop.source.outputs
    a, b = source.ravel().astype(float), found.ravel().astype(float)
    assert output.snr_db == pytest.approx(10 * math.log10((a**2).sum() / ((b - a) ** 2).sum()))
    assert output.max_abs_error == pytest.approx(np.abs(b - a).max())
    assert output.cosine == pytest.approx(1 - cosine(a, b))
    p, q = (np.exp(one[:, 0].astype(float)) for one in (source, found))
    # scipy normalises, and takes the natural logarithm.
    assert hop.source.divergence == pytest.approx(np.mean(entropy(p, q, axis=1)))
    same = source[:, 0].argmax(1) == found[:, 0].argmax(1)
    assert hop.source.agreement is not None and hop.source.agreement.value == same.mean()
    assert hop.source.differing == (~same).sum()
    right, was = (one[:, 0].argmax(1) == labels for one in (found, source))
    figure = hop.source.figures[0]
    assert figure.value.value == right.mean()
    assert figure.difference == paired_difference(right, was)


def test_what_is_to_be_expected_is_said_unless_the_images_contradict_it() -> None:
    source, found, labels = outputs(3)

    def of(file: np.ndarray) -> HopDifference:
        links = [
            ChainLink("source", "torch", [[one] for one in source]),
            ChainLink("file", "tflite:int8", [[one] for one in file]),
        ]
        hop = follow(links, read(labels), IMAGES, silent).hops[1]
        assert hop.source is not None
        return hop.source

    likely = of(found)
    assert likely.expected == expected_loss(source[:, 0], found[:, 0], labels)
    assert likely.lost is not None and likely.expected is not None
    assert likely.lost.low <= likely.expected.value <= likely.lost.high
    # The two best change places in every image, by errors that fit this image alone.
    swapped, rows = source.copy(), np.arange(IMAGES)
    second, best = source[:, 0].argsort(1)[:, -2:].T
    swapped[rows, 0, best], swapped[rows, 0, second] = (
        source[rows, 0, second],
        source[rows, 0, best],
    )
    labels = best
    assert of(swapped).figures[0].value.value == 0
    assert of(swapped).expected is None


def test_every_flip_says_what_it_was_and_what_it_became() -> None:
    source, found, labels = outputs(2)
    links = [
        ChainLink("source", "torch", [[one] for one in source]),
        ChainLink("file", "tflite:int8", [[one] for one in found]),
    ]
    hop = follow(links, read(labels), IMAGES, silent).hops[1]
    assert hop.source is not None and hop.source.flips
    for flip in hop.source.flips:
        assert flip.reference.startswith(f"class {source[flip.image, 0].argmax()} ")
        assert flip.found.startswith(f"class {found[flip.image, 0].argmax()} ")


def test_images_needed_shrink_the_interval_to_the_resolution() -> None:
    rng = np.random.default_rng(3)
    before = rng.random(400) < 0.8
    after = before ^ (rng.random(400) < 0.1)
    few = paired_difference(after[:100], before[:100])
    needed = images_needed(few, 100)
    assert needed is not None and needed > 1000
    # As many images of the same kind have an interval of about that width.
    times = math.ceil(needed / 100)
    many = paired_difference(np.tile(after[:100], times), np.tile(before[:100], times))
    assert (many.high - many.low) / 2 == pytest.approx(RESOLUTION, rel=0.15)
    assert images_needed(Estimate(0.0, -0.009, 0.009), 100) is None


def test_a_hop_that_fails_keeps_those_before_it() -> None:
    source, found, labels = outputs(4)
    broken = found.copy()
    broken[7] = np.nan

    def stops() -> object:
        yield [found[0]]
        raise UnsupportedModelError("no kernel", "export another precision")

    links = [
        ChainLink("source", "torch", [[one] for one in source]),
        ChainLink("float", "tflite:fp32", [[one] for one in source]),
        ChainLink("file", "tflite:int8", [[one] for one in broken]),
        ChainLink("kernels", "here", [[one] for one in found]),
    ]
    _, whole, file, after = follow(links, read(labels), IMAGES, silent).hops
    assert whole.source is not None and whole.source.outputs[0].snr_db is None
    assert file.failure is not None and "NaN" in file.failure
    assert after.failure == "tflite:int8 could not be compared"
    links[2] = ChainLink("file", "tflite:int8", stops())  # type: ignore[arg-type]
    _, whole, file, _ = follow(links, read(labels), IMAGES, silent).hops
    assert whole.source is not None and whole.images == IMAGES
    assert file.failure == "no kernel"
