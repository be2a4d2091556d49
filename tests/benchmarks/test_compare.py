"""From a run to its comparison: exact figures from a replayed device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from replay import Replay, ReplayedDevice, Toy, make_artifacts

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.report import wording
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.results.compare import compare
from edgebench.benchmarks.results.comparison import Comparison, ModelRow
from edgebench.benchmarks.runs import run as running
from edgebench.documents import load
from edgebench.errors import DataError, InvalidFileError, UnwritableError

MODELS = ("scenes_v2", "scenes_v2_se", "scenes_v2_ca")
SLOTS = [f"{model}.{precision}.tflite" for model in MODELS for precision in ("fp32", "int8")]
LATENCY = {slot: 0.002 for slot in SLOTS}
ACCURACY = {
    "scenes_v2.fp32.tflite": 0.85,
    "scenes_v2_ca.fp32.tflite": 0.90,
    "scenes_v2_ca.int8.tflite": 0.87,
}


def row(comparison: Comparison, slot: str) -> ModelRow:
    return next(r for group in comparison.groups for r in group.rows if r.slot == slot)


def test_without_noise_the_overhead_is_exact(replay: Replay) -> None:
    latency = {**LATENCY, "scenes_v2_ca.fp32.tflite": 0.003}
    found = row(replay(ReplayedDevice(latency, noise=0.0)), "scenes_v2_ca.fp32.tflite")
    assert found.overhead is not None and found.latency is not None
    assert found.overhead.value == pytest.approx(0.5)
    assert found.latency.median_s == pytest.approx(0.003)
    assert found.madds_overhead == pytest.approx(0.025)


def test_accuracy_gain_and_drop_are_those_of_the_outputs(replay: Replay) -> None:
    comparison = replay(ReplayedDevice(LATENCY, outputs_accuracy=ACCURACY))
    float_row = row(comparison, "scenes_v2_ca.fp32.tflite")
    int8_row = row(comparison, "scenes_v2_ca.int8.tflite")
    assert float_row.accuracy is not None and int8_row.accuracy is not None
    assert float_row.accuracy.headline.on_device.value == pytest.approx(0.90)
    assert float_row.accuracy.headline.drop.value == pytest.approx(0.0)
    assert float_row.accuracy.headline.gain is not None
    assert float_row.accuracy.headline.gain.value == pytest.approx(0.05)
    assert int8_row.accuracy.headline.trained.value == pytest.approx(0.90)
    assert int8_row.accuracy.headline.drop.value == pytest.approx(-0.03)
    # The int8 baseline gave no outputs, so there is nothing to gain over.
    assert int8_row.accuracy.headline.gain is None


def test_drift_ends_with_what_came_back_from_the_device(replay: Replay) -> None:
    comparison = replay(ReplayedDevice(LATENCY, outputs_accuracy=ACCURACY))
    drift = row(comparison, "scenes_v2_ca.int8.tflite").drift
    assert drift is not None
    assert [hop.step for hop in drift.hops][-1] == "TFLite fp32 -> int8"
    assert drift.agreement.value == pytest.approx(0.97)
    exact = row(comparison, "scenes_v2_ca.fp32.tflite").drift
    assert exact is not None
    assert exact.agreement.value == 1.0
    (logits,) = exact.outputs
    assert logits.snr_db == pytest.approx(40.0, abs=0.01)  # The replay scales logits by 0.99.
    assert logits.max_abs_error == pytest.approx(0.04, abs=1e-3)


def test_untrained_weights_have_neither_accuracy_nor_drift(tmp_path: Path) -> None:
    toys = (Toy("a", "a", 10, 1, "untrained"), Toy("a_ca", "a", 11, 1, "untrained"))
    make_artifacts(tmp_path / "untrained", toys, ("fp32",))
    slots = ("a.fp32.tflite", "a_ca.fp32.tflite")
    device = ReplayedDevice(dict.fromkeys(slots, 0.002), outputs_accuracy=dict.fromkeys(slots, 0.5))
    request = RunRequest(str(tmp_path / "untrained"), out=str(tmp_path / "runs"))
    for found in running.run(request, device).groups[0].rows:
        assert found.accuracy is None and found.drift is None


def test_the_run_folder_is_complete_in_itself(replay: Replay, tmp_path: Path) -> None:
    device = ReplayedDevice(LATENCY, outputs_accuracy=ACCURACY)
    comparison = replay(device)
    for path in (tmp_path / "artifacts").iterdir():
        path.unlink()
    folder = run_folder.latest(tmp_path / "runs", "replayed")
    assert load(folder / run_folder.COMPARISON, Comparison) == comparison
    result = run_folder.read_result(folder)
    again = run_folder.read_run(folder, result, device.description, comparison.command)
    assert compare(again) == comparison


def test_an_interrupted_run_says_so_and_is_resumed_from_its_folder(
    replay: Replay, tmp_path: Path
) -> None:
    partial = replay(ReplayedDevice(LATENCY, blocks=7))
    assert partial.interrupted
    assert partial.blocks_done == 7
    folder = run_folder.latest(tmp_path / "runs", "replayed")
    whole = running.carry_out(folder, ReplayedDevice(LATENCY))
    assert not whole.interrupted
    assert whole.blocks_done == whole.blocks_planned == partial.blocks_planned


def test_blocks_that_failed_are_no_interruption_and_are_said(
    replay: Replay, tmp_path: Path
) -> None:
    replay(ReplayedDevice(LATENCY))
    folder = run_folder.latest(tmp_path / "runs", "replayed")
    result = run_folder.read_result(folder)
    crashed = tuple(replace(one, error="crash", turns=()) for one in result.blocks[:2])
    blocks = (*crashed, *result.blocks[2:])
    failed = replace(result, complete=False, blocks=blocks)
    comparison = compare(run_folder.read_run(folder, failed, "replayed"))
    assert not comparison.interrupted and comparison.blocks_done == len(blocks) - 2
    warning, *_ = comparison.warnings
    assert warning.id == "failed_blocks"
    assert warning.values == {"failed": 2, "blocks": len(blocks), "error": "crash"}


def test_a_run_stopped_before_any_block_has_no_answer(replay: Replay) -> None:
    comparison = replay(ReplayedDevice(LATENCY, blocks=0))
    assert comparison.interrupted
    assert not comparison.answered


def test_a_plan_that_another_device_carried_out_is_told_by_its_cores(
    replay: Replay, tmp_path: Path
) -> None:
    comparison = replay(ReplayedDevice(LATENCY))
    assert "other_cores" not in {one.id for one in comparison.warnings}
    folder = run_folder.latest(tmp_path / "runs", "replayed")
    run = run_folder.read_run(folder, run_folder.read_result(folder), "")
    warning, *_ = compare(replace(run, cores_known=8)).warnings
    assert wording.sentence(warning).startswith(
        "local has 8 cores, but this ran on 4 (Cortex-A76): "
    )


def test_there_is_nothing_to_resume_before_the_first_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no run of device local"):
        run_folder.latest(tmp_path / "runs", "local")


def test_runs_of_one_second_have_folders_of_their_own(replay: Replay, tmp_path: Path) -> None:
    for _ in range(3):
        replay(ReplayedDevice(LATENCY, blocks=0))
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_a_result_of_another_plan_is_refused(replay: Replay, tmp_path: Path) -> None:
    replay(ReplayedDevice(LATENCY))
    folder = run_folder.latest(tmp_path / "runs", "replayed")
    result = run_folder.read_result(folder)
    (folder / "plan.json").write_text((folder / "plan.json").read_text() + "\n")
    with pytest.raises(InvalidFileError, match="belongs to another plan"):
        run_folder.read_run(folder, result, "")


def test_outputs_of_another_shape_are_refused(replay: Replay, tmp_path: Path) -> None:
    device = ReplayedDevice(LATENCY, outputs_accuracy=ACCURACY)
    replay(device)
    folder = run_folder.latest(tmp_path / "runs", "replayed")
    np.save(folder / "outputs/scenes_v2.fp32.tflite/logits.npy", np.zeros((3, 10), np.float32))
    run = run_folder.read_run(folder, run_folder.read_result(folder), "")
    with pytest.raises(InvalidFileError, match=r"scenes_v2\.fp32\.tflite are .* \(3, 10"):
        compare(run)


def test_a_folder_that_cannot_be_written_is_said(artifacts: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file stands in the way")
    request = RunRequest(str(artifacts), out=str(tmp_path / "blocked"))
    with pytest.raises(UnwritableError):
        running.run(request, ReplayedDevice(LATENCY))


def test_a_vanished_evaluation_file_is_said(artifacts: Path, tmp_path: Path) -> None:
    (artifacts / "evaluation.npz").unlink()
    request = RunRequest(str(artifacts), out=str(tmp_path / "runs"))
    with pytest.raises(InvalidFileError, match=r"evaluation\.npz"):
        running.run(request, ReplayedDevice(LATENCY))


def test_models_that_gave_no_outputs_are_named(replay: Replay) -> None:
    some = replay(ReplayedDevice(LATENCY, outputs_accuracy=ACCURACY))
    (warning,) = [one for one in some.warnings if one.id == "missing_outputs"]
    slots = warning.values["slots"]
    assert isinstance(slots, tuple) and "scenes_v2.int8.tflite" in slots
    assert not set(slots) & ACCURACY.keys()
