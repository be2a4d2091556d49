"""A whole run on this machine, with real models: everything but the figures is certain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_artifacts import make_real_artifacts

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.runs import run as running
from edgebench.deploy.transports.local import LocalDevice
from edgebench.documents import load


@pytest.fixture
def folder(toys: Path, tmp_path: Path) -> Path:
    """Artifacts of two real models, whose references say they are always right."""
    artifacts = tmp_path / "artifacts"
    make_real_artifacts(toys, artifacts)
    return artifacts


def test_a_run_on_this_machine_is_whole(folder: Path, tmp_path: Path) -> None:
    request = RunRequest(
        str(folder),
        budget_s=8.0,
        whole_budget=True,
        against_itself=True,
        out=str(tmp_path / "runs"),
    )
    steps: list[tuple[str, int, int]] = []
    comparison = running.run(request, LocalDevice(), lambda *step: steps.append(step))
    assert not comparison.interrupted
    assert comparison.blocks_done == comparison.blocks_planned
    (group,) = comparison.groups
    assert [row.model for row in group.rows] == ["plain", "attention", "plain"]
    for row in group.rows:
        assert row.error is None
        assert row.latency is not None and row.latency.min_s <= row.latency.median_s
        assert row.partitions == 1
        assert row.accuracy is not None and row.accuracy.headline.trained.value == 1.0
        assert row.accuracy.headline.on_device.value == pytest.approx(
            1 + row.accuracy.headline.drop.value
        )
    assert all(row.overhead is not None for row in group.rows[1:])
    assert [step for step, done, total in steps if done == total] == [
        "staging files",
        "pilot: loading and evaluating artifacts",
        "pilot: measuring blocks",
        "loading and evaluating artifacts",
        "measuring blocks",
    ]
    folder = run_folder.latest(tmp_path / "runs", "local")
    assert load(folder / run_folder.COMPARISON, Comparison) == comparison


def test_the_accuracy_on_the_device_is_that_of_its_own_outputs(
    folder: Path, toys: Path, tmp_path: Path
) -> None:
    request = RunRequest(str(folder), budget_s=8.0, out=str(tmp_path / "runs"))
    comparison = running.run(request, LocalDevice())
    outputs = np.load(
        run_folder.latest(tmp_path / "runs", "local") / "outputs/attention.fp32.tflite/logits.npy"
    )
    labels = np.load(toys / "images.npz")["labels"]
    row = comparison.groups[0].rows[1]
    assert row.accuracy is not None
    assert row.accuracy.headline.on_device.value == pytest.approx(
        np.mean(outputs.argmax(1) == labels)
    )
