"""Models of every task, from a user's ONNX file and data to a report of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import made_tasks
import numpy as np
import onnx
import pytest
from in_process import EXPORT
from toy_artifacts import SHORT

from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.results.run_folder import COMPARISON
from edgebench.cli import main
from edgebench.converters.artifact import Manifest, manifest_path
from edgebench.documents import load

Write = Callable[[Path, int], str]

TASKS = {
    "classification": (made_tasks.classifier, made_tasks.write_folders, 20, 0.9),
    "detection": (made_tasks.detector, made_tasks.write_coco, 50, 0.9),
    "segmentation": (made_tasks.segmenter, made_tasks.write_voc, 50, 0.9),
}
"""By task: the model, its data and how many of them, and the headline that it reaches at least."""

TARGETS = ("onnx:fp32", "tflite:int8", "openvino:int8")


def exported(task: str, folder: Path, *options: str, targets: tuple[str, ...] = TARGETS) -> Path:
    """Export the made model of a task, once as `plain` and once as `same`; returns the folder."""
    make, write, count, _ = TASKS[task]
    data = write(folder / "data", count)
    for name in ("plain", "same"):
        onnx.save(make(), folder / f"{name}.onnx")
        to = [part for target in targets for part in ("--to", target)]
        arguments = [str(folder / f"{name}.onnx"), "--data", data, "--out", str(folder / "out")]
        assert main([*EXPORT, *arguments, *to, *options]) == 0
    return folder / "out"


def measured(artifacts: Path, folder: Path, formats: str) -> Comparison:
    arguments = ["run", "same", "--baseline", "plain", "--artifacts", str(artifacts)]
    every = ["--formats", formats, "--precisions", "all", "--runs", str(folder / "runs")]
    main([*arguments, *every, *SHORT, "--force"])
    (run,) = (folder / "runs").iterdir()
    return load(run / COMPARISON, Comparison)


def check(comparison: Comparison, task: str) -> None:
    rows = [row for group in comparison.groups for row in group.rows]
    assert rows
    for row in rows:
        assert row.task == task and row.accuracy is not None and row.drift is not None, row.slot
        headline = row.accuracy.headline
        assert headline.on_device.value > TASKS[task][3]
        assert headline.on_device.low <= headline.on_device.value <= headline.on_device.high
        difference = headline.on_device.value - headline.trained.value
        assert headline.drop.value == pytest.approx(difference, abs=1e-9)
        assert row.drift.agreement is not None and row.drift.agreement.value > 0.9
        if row.model == "same":  # It is the baseline's twin, so there is nothing between them.
            assert headline.gain is not None and headline.gain.value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("task", ["detection", "segmentation"])
def test_a_users_model_is_measured_by_its_task(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = exported(task, tmp_path, targets=("onnx:fp32",))
    check(measured(out, tmp_path, "onnx"), task)
    said = capsys.readouterr().out
    (run,) = (tmp_path / "runs").iterdir()
    assert main(["report", str(run), "--html"]) == 0
    page = (run / "report.html").read_text()
    assert {"detection": "The AP of the outputs", "segmentation": "The mIoU of"}[task] in page
    assert {"detection": "boxes agree", "segmentation": "mIoU %"}[task] in said


@pytest.mark.slow
@pytest.mark.parametrize("task", list(TASKS))
def test_every_task_goes_through_every_format(task: str, tmp_path: Path) -> None:
    out = exported(task, tmp_path, targets=(*TARGETS, "coreml:fp16"))
    comparison = measured(out, tmp_path, "all")
    assert {group.format for group in comparison.groups} == {"onnx", "tflite", "openvino", "coreml"}
    check(comparison, task)


@pytest.mark.parametrize("task", ["classification", "none"])
def test_a_model_of_several_inputs_is_evaluated_on_arrays(task: str, tmp_path: Path) -> None:
    data = made_tasks.write_arrays(tmp_path / "tokens.npz", 80)
    onnx.save(made_tasks.reader(), tmp_path / "reader.onnx")
    to = [part for form in ("onnx", "tflite", "openvino") for part in ("--to", f"{form}:fp32")]
    arguments = [*EXPORT, str(tmp_path / "reader.onnx"), "--data", data, "--task", task]
    assert main([*arguments, *to, "--out", str(tmp_path / "out")]) == 0
    run = ["run", "reader", "--baseline", "reader", "--artifacts", str(tmp_path / "out")]
    every = ["--formats", "all", "--runs", str(tmp_path / "runs"), *SHORT, "--force"]
    main([*run, *every])
    (folder,) = (tmp_path / "runs").iterdir()
    groups = load(folder / COMPARISON, Comparison).groups
    assert {group.format for group in groups} == {"onnx", "tflite", "openvino"}
    for row in (row for group in groups for row in group.rows):
        assert row.drift is not None and row.drift.samples == 60
        assert row.drift.agreement is not None and row.drift.agreement.value == 1.0
        if task == "classification":
            assert row.accuracy is not None and row.accuracy.headline.on_device.value == 1.0


def test_what_was_exported_is_shown_before_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """TensorFlow's converter has no ArgMax with 16 bits."""
    data = made_tasks.write_coco(tmp_path / "data", 40)
    onnx.save(made_tasks.detector(), tmp_path / "boxes.onnx")
    to = ["--to", "tflite:int16x8", "--to", "tflite:fp32", "--out", str(tmp_path / "o")]
    assert main(["export", str(tmp_path / "boxes.onnx"), "--data", data, *to]) == 1
    said = capsys.readouterr()
    assert "boxes.fp32.tflite" in said.out and "boxes.int16x8.tflite" not in said.out
    assert "the source model on 30 images" in said.err
    assert "1 of 2 targets were not made: tflite:int16x8" in said.err.replace("\n", " ")


def test_arrays_that_do_not_fit_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(made_tasks.reader(), tmp_path / "reader.onnx")
    arguments = [*EXPORT, str(tmp_path / "reader.onnx"), "--to", "onnx", "--task", "none"]
    np.savez(tmp_path / "short.npz", tokens=np.zeros((20, 3), int), scale=np.ones((20, 1)))
    data = ["--data", f"npz:{tmp_path / 'short.npz'}"]
    assert main([*arguments, *data]) != 0
    said = " ".join(capsys.readouterr().err.split())
    assert "short.npz has (3,) for the input 'tokens' (1, 4)" in said
    assert main([*arguments, *data, "--mean", "0", "--std", "1"]) != 0
    assert "--mean is for images" in " ".join(capsys.readouterr().err.split())


def test_without_a_task_pictures_are_compared_as_numbers(tmp_path: Path) -> None:
    out = exported("detection", tmp_path, "--task", "none", targets=("onnx:fp32",))
    evaluation = load(manifest_path(out / "plain.fp32.onnx"), Manifest).evaluation
    assert evaluation is not None and evaluation.task.task == "none"
    with np.load(out / evaluation.inputs) as inputs:
        assert inputs.files == ["images"]
    with np.load(out / evaluation.reference) as reference:
        assert sorted(reference.files) == ["confidence", "kind", "place"]


def test_outputs_that_do_not_fit_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = made_tasks.write_coco(tmp_path / "data", 12)
    onnx.save(made_tasks.segmenter(), tmp_path / "map.onnx")
    arguments = [*EXPORT, str(tmp_path / "map.onnx"), "--to", "onnx", "--out", str(tmp_path / "o")]
    assert main([*arguments, "--data", data]) != 0
    assert "map 1x4x32x32" in capsys.readouterr().err
    assert main([*arguments, "--data", data, "--task", "segmentation"]) != 0
    said = capsys.readouterr().err
    assert "labels for detection, not for segmentation" in said and "--task" in said
    assert main([*arguments, "--task", "segment"]) != 0
    assert "segmentation" in capsys.readouterr().err


def test_what_is_evaluated_does_not_calibrate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same pictures are given for both, in two folders: their content tells."""
    made_tasks.write_folders(tmp_path / "few", 6)
    made_tasks.write_folders(tmp_path / "more", 12)  # Others but for the first colour.
    onnx.save(made_tasks.classifier(), tmp_path / "colours.onnx")
    arguments = [*EXPORT, str(tmp_path / "colours.onnx"), "--to", "onnx:int8"]
    given = [
        "--calibration",
        str(tmp_path / "more"),
        "--evaluation",
        f"imagefolder:{tmp_path / 'few'}",
    ]
    assert main([*arguments, *given, "--out", str(tmp_path / "out"), "--json"]) == 0
    said = capsys.readouterr()
    assert "6 images of folder more do not calibrate, because they are evaluated" in said.err
    (manifest,) = json.loads(said.out)
    assert manifest["evaluation"]["samples"] == 18
    # A fifth of the other 30 is set apart, to decide between ways to choose ranges.
    assert manifest["calibration"]["samples"] == 24
