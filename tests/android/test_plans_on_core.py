"""Plans with several outputs, arrays for inputs and cores: the core gives what Python gives."""

from __future__ import annotations

from pathlib import Path

import made_tasks
import numpy as np
import onnx
import pytest
import stand_in_app
import toolbox
from test_android_app import PhoneShell

from edgebench.benchmarks.planning.design import choose, draft_plan
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.cli import main
from edgebench.converters.artifact import find_artifacts
from edgebench.deploy.documents.staging import FILES, read_plan, stage_file, write_plan
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.adb.app import PACKAGE, AppRunner
from edgebench.deploy.transports.local import LocalDevice
from edgebench.progress import silent

pytestmark = pytest.mark.rig


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of three outputs, and a reader of two arrays."""
    folder = tmp_path_factory.mktemp("plans")
    tokens = made_tasks.write_arrays(folder / "tokens.npz", 24)
    pictures = made_tasks.write_coco(folder / "coco", 24)
    roles = "boxes=place,scores=confidence,classes=kind"
    for name, model, words in (
        ("reader", made_tasks.reader(), ("--data", tokens, "--task", "classification")),
        ("detector", made_tasks.detector(), ("--data", pictures, "--outputs", roles)),
    ):
        onnx.save(model, folder / f"{name}.onnx")
        to = ("--to", "tflite:fp32", "--out", str(folder / "artifacts"))
        assert main(["export", str(folder / f"{name}.onnx"), *words, *to]) == 0
    return folder / "artifacts"


def staged(artifacts: Path, folder: Path) -> Path:
    """A run folder whose plan evaluates both on core 0 and measures nothing."""
    found = list(find_artifacts(artifacts))
    request = RunRequest(str(artifacts), "phone", cores=(0,), against_itself=True)
    write_plan(draft_plan("made", choose(found, request), request), folder)
    for one in found:
        stage_file(one.path, one.manifest.sha256, folder)
        assert one.manifest.evaluation is not None
        inputs = artifacts / one.manifest.evaluation.inputs
        stage_file(inputs, one.manifest.evaluation.inputs_sha256, folder)
    assert (folder / FILES).is_dir()
    return folder


def test_outputs_of_every_role_are_those_of_the_python_runner(
    artifacts: Path, tmp_path: Path
) -> None:
    programs = tmp_path / "phone"
    stand_in_app.install(programs, tmp_path, PACKAGE, __file__, toolbox.app_on_jvm())
    store = Store(PhoneShell(programs), str(tmp_path / "home"))
    phone = RemoteDevice("phone", "the core", store, AppRunner(poll_s=0.05))
    here, there = staged(artifacts, tmp_path / "here"), staged(artifacts, tmp_path / "there")
    wanted, found = LocalDevice().run(here, silent), phone.run(there, silent)
    assert found.context.cores == (0,) == wanted.context.cores
    names = set()
    for slot in read_plan(here).artifacts:
        one, other = wanted.evaluations[slot], found.evaluations[slot]
        assert one.error is None and other.error is None
        # One may keep the outputs of a model that is measured against itself once for both.
        here_kept, there_kept = one.outputs or {}, other.outputs or {}
        assert here_kept.keys() == there_kept.keys()
        for role in here_kept:
            names.add(role)
            expected, kept = np.load(here / here_kept[role]), np.load(there / there_kept[role])
            assert (kept.dtype, kept.shape) == (expected.dtype, expected.shape)
            assert np.abs(kept.astype(float) - expected).max() <= 1e-4
    assert names == {"logits", "boxes", "scores", "classes"}
