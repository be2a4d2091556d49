"""What tests share: small real .tflite models, and run folders for them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import settings
from toy_models import MEAN, STD, MakeRun, make_toys

from edgebench.deploy.documents.plan import (
    EvaluationInputs,
    Group,
    Plan,
    PlannedArtifact,
    PlannedBlock,
    VisitLength,
    Warmup,
)
from edgebench.deploy.documents.staging import stage_file, write_plan
from edgebench.documents import sha256

# In the background of a script SIGINT is ignored, and so would be by every process that a test
# starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How fast a machine runs an example is no property of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the user keeps, such as noise floors, out of the tests, and theirs out of it."""
    os.environ["EDGEBENCH_DATA"] = str(tmp_path_factory.mktemp("data"))
    os.environ["EDGEBENCH_CONFIG"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with plain, attention, int8, nan and corrupt .tflite files, and images.npz."""
    folder = tmp_path_factory.mktemp("toys")
    make_toys(folder)
    return folder


@pytest.fixture
def make_run(toys: Path, tmp_path: Path) -> MakeRun:
    """Stage a run of some toys in a new folder: `make_run("plain", "attention")`."""

    def make(
        *names: str,
        processes: int = 2,
        blocks: int = 4,
        evaluate: bool = False,
        cores: Sequence[int] | None = None,
        threads: int = 1,
        delegate: str = "xnnpack",
        min_s: float = 0.005,
        where: str = "run",
    ) -> Path:
        folder = tmp_path / where
        evaluation = None
        if evaluate:
            images = toys / "images.npz"
            digest = sha256(images)
            evaluation = EvaluationInputs(
                stage_file(images, digest, folder), digest, MEAN, STD, (0, 2, 3, 1), (0, 1)
            )
        artifacts = {}
        for name in names:
            path = toys / f"{name}.tflite"
            digest = sha256(path)
            file = stage_file(path, digest, folder)
            artifacts[name] = PlannedArtifact(path.name, file, digest, "tflite", evaluation)
        plan = Plan(
            id="toys",
            seed=0,
            threads=threads,
            cores=None if cores is None else tuple(cores),
            delegate=delegate,
            artifacts=artifacts,
            groups=(Group("toys", names[0], names),),
            processes=processes,
            blocks=tuple(
                PlannedBlock(i, i * processes // blocks, "toys", (*names, *reversed(names)))
                for i in range(blocks)
            ),
            warmup=Warmup(3, 0.2, 0.05),
            visit=VisitLength(min_s, 3),
        )
        write_plan(plan, folder)
        return folder

    return make
