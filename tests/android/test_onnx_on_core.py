"""ONNX Runtime in the app: its module for it, over the desktop library, gives what Python gives."""

from __future__ import annotations

from dataclasses import replace
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
from edgebench.converters.artifact import Artifact, find_artifacts
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.documents.plan import Delegate
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import read_plan, stage_file, write_plan
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.adb.app import PACKAGE, AppRunner
from edgebench.deploy.transports.local import LocalDevice
from edgebench.progress import silent

pytestmark = pytest.mark.rig

OFFERED = ("tflite", "onnx")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier and a detector of three outputs, as floats and as int8."""
    folder = tmp_path_factory.mktemp("onnx")
    photos = made_tasks.write_folders(folder / "photos", 8)
    pictures = made_tasks.write_coco(folder / "coco", 24)
    roles = "boxes=place,scores=confidence,classes=kind"
    for name, model, words in (
        ("classifier", made_tasks.classifier(), ("--data", photos)),
        ("detector", made_tasks.detector(), ("--data", pictures, "--outputs", roles)),
    ):
        onnx.save(model, folder / f"{name}.onnx")
        to = ("--to", "onnx:fp32,onnx:int8", "--out", str(folder / "artifacts"))
        assert main(["export", str(folder / f"{name}.onnx"), *words, *to]) == 0
    return folder / "artifacts"


def staged(found: list[Artifact], folder: Path, delegate: Delegate) -> Path:
    """A run folder whose plan evaluates all, measures two blocks and profiles."""
    request = RunRequest("", "phone", delegate=delegate, against_itself=True)
    plan = draft_plan("made", choose(found, request), request)
    write_plan(replace(plan, profile=True), folder)
    for one in found:
        stage_file(one.path, one.manifest.sha256, folder)
        assert one.manifest.evaluation is not None
        inputs = one.path.parent / one.manifest.evaluation.inputs
        stage_file(inputs, one.manifest.evaluation.inputs_sha256, folder)
    return folder


def phone(folder: Path, formats: tuple[str, ...], onnx: bool) -> RemoteDevice:
    programs = folder / "phone"
    stand_in_app.install(programs, folder, PACKAGE, __file__, toolbox.app_on_jvm(onnx=onnx))
    store = Store(PhoneShell(programs), str(folder / "home"))
    return RemoteDevice("phone", "the core", store, AppRunner(poll_s=0.05, formats=formats))


def in_the_app(
    artifacts: Path, folder: Path, delegate: Delegate, onnx: bool = True
) -> tuple[RunResult, Path]:
    there = staged(list(find_artifacts(artifacts)), folder / "there", delegate)
    return phone(folder, OFFERED, onnx).run(there, silent), there


def test_every_output_is_that_of_the_python_runner(artifacts: Path, tmp_path: Path) -> None:
    found, there = in_the_app(artifacts, tmp_path, "xnnpack")
    here = staged(list(find_artifacts(artifacts)), tmp_path / "here", "xnnpack")
    wanted = LocalDevice().run(here, silent)
    assert found.context.runtimes["onnx"].name == "onnxruntime-android"
    assert found.context.runtimes["onnx"].version == wanted.context.runtimes["onnx"].version
    plan, roles = read_plan(here), set()
    assert {"int8" in one.key for one in plan.artifacts.values()} == {True, False}
    for slot in plan.artifacts:
        one, other = wanted.evaluations[slot], found.evaluations[slot]
        assert one.error is None and other.error is None
        # One may keep the outputs of a model that is measured against itself once for both.
        here_kept, there_kept = one.outputs or {}, other.outputs or {}
        assert here_kept.keys() == there_kept.keys()
        assert one.profile and other.profile
        assert [row.type for row in other.profile.operations] == [
            row.type for row in one.profile.operations
        ]
        for role in here_kept:
            roles.add(role)
            expected, kept = np.load(here / here_kept[role]), np.load(there / there_kept[role])
            assert (kept.dtype, kept.shape) == (expected.dtype, expected.shape)
            # The same library and the same kernels, in int8 too.
            assert np.abs(kept.astype(float) - expected).max() <= 1e-5 * max(
                1.0, float(np.abs(expected).max())
            )
    assert roles == {"logits", "boxes", "scores", "classes"}


def test_a_provider_that_the_library_lacks_is_an_error_and_says_where_it_is(
    artifacts: Path, tmp_path: Path
) -> None:
    from edgebench.errors import DeviceError

    with pytest.raises(DeviceError) as caught:
        in_the_app(artifacts, tmp_path, "xnnpack-provider")
    assert "has no Xnnpack provider" in caught.value.message
    assert "edgebench.onnxruntime=onnxruntime-android" in caught.value.message


def steps(device: RemoteDevice) -> list[CheckStep]:
    return [step for step in device.runner.check(device.store) if step.name == "contract"]


def test_check_tells_of_an_app_that_was_built_without_it(tmp_path: Path) -> None:
    (step,) = steps(phone(tmp_path / "with", OFFERED, onnx=True))
    assert step.state == "ok"
    (step,) = steps(phone(tmp_path / "without", OFFERED, onnx=False))
    assert step.state == "missing" and "was built for tflite, not for onnx" in step.found
    assert "edgebench.onnxruntime" in step.remedy
