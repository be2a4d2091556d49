"""What tests share: small real .tflite models, run folders for them, and how they are run."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from allowed_skips import ALLOWED
from hypothesis import settings
from toy_models import LOGITS, MEAN, STD, MakeRun, make_toys
from zoo import exported

from edgebench.benchmarks.planning.design import AGAIN
from edgebench.deploy.documents.plan import (
    EvaluationInputs,
    Group,
    Plan,
    PlannedArtifact,
    PlannedBlock,
    TurnLength,
    Warmup,
)
from edgebench.deploy.documents.staging import stage_file, write_plan
from edgebench.documents import sha256

# In the background of a script SIGINT is ignored, and so would be by every process that a test
# starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A test that imports onnxruntime before edgebench would wait for a network that may not answer.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# How fast a machine runs an example is no property of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files that take long first, so that none of them is what others wait for in the end.

    Those with real daemons mostly wait: between two of them stand files that compute.
    """
    kinds: dict[Path, int] = {}
    for item in items:
        kind = 0 if item.get_closest_marker("rig") else 1 if item.get_closest_marker("slow") else 2
        kinds[item.path] = min(kind, kinds.get(item.path, 2))
    waiting = [path for path, kind in kinds.items() if kind == 0]
    order = [path for kind in (1, 2) for path in kinds if kinds[path] == kind]
    for number, path in enumerate(waiting):
        order.insert(3 * number, path)
    places = {path: place for place, path in enumerate(order)}
    items.sort(key=lambda item: places[item.path])


def _refused_on_ci(report: Any) -> Any:
    """The report, as a failure where CI does not allow its skip."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(allowed in reason for allowed in ALLOWED):
            report.outcome = "failed"
            report.longrepr = f"skipped, which tests/allowed_skips.py does not allow: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Any:
    return _refused_on_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Any:
    return _refused_on_ci((yield))


@pytest.fixture(scope="session", autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the user keeps, such as noise floors, out of the tests, and theirs out of it."""
    os.environ["EDGEBENCH_DATA"] = str(tmp_path_factory.mktemp("data"))
    os.environ["EDGEBENCH_CONFIG"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with plain, attention, int8, nan and corrupt .tflite files, and images.npz.

    Made once and then shared by all processes of a run: whoever comes first makes it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, unfinished = shared / "toys", shared / "toys.unfinished"
    with (shared / "toys.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished.mkdir(exist_ok=True)
            make_toys(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of trained models in most targets; see `zoo`. Copy what a test changes."""
    return exported(tmp_path_factory)


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
        samples: int = 3,
        where: str = "run",
    ) -> Path:
        folder = tmp_path / where
        evaluation = None
        if evaluate:
            images = toys / "images.npz"
            digest = sha256(images)
            evaluation = EvaluationInputs(
                stage_file(images, digest, folder), digest, MEAN, STD, (0, 2, 3, 1), (LOGITS,)
            )
        artifacts = {}
        for name in names:
            path = toys / f"{name.removesuffix(AGAIN)}.tflite"
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
            groups=(Group("toys", names[0], names, TurnLength(samples, 1, 1)),),
            processes=processes,
            first_look=processes,
            blocks=tuple(
                PlannedBlock(i, i * processes // blocks, "toys", (*names, *reversed(names)))
                for i in range(blocks)
            ),
            warmup=Warmup(3, 0.2, 0.05),
        )
        write_plan(plan, folder)
        return folder

    return make
