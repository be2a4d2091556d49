"""Replayed runs: exact, and without a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from replay import Replay, ReplayedDevice, make_artifacts

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.runs.run import run


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """A folder with the toy zoo's artifacts, fp32 and int8."""
    make_artifacts(tmp_path / "artifacts")
    return tmp_path / "artifacts"


@pytest.fixture
def replay(artifacts: Path, tmp_path: Path) -> Replay:
    """Run a request on a replayed device: `replay(device, threshold=0.1)`."""

    def carry_out(device: ReplayedDevice, **options: object) -> Comparison:
        request = RunRequest(str(artifacts), out=str(tmp_path / "runs"), **options)
        return run(request, device, command="edgebench run --device replayed")

    return carry_out
