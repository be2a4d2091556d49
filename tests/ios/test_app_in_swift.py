"""The app's own core on an iPhone, through devicectl; `test_iphone` has a stand-in instead."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import swift_phone
from evaluator_server import Server
from test_coreml_engine import on_a_mac  # noqa: F401  (What Python's side of the comparison needs.)
from test_iphone import Mac

from edgebench.benchmarks.planning.design import choose, draft_plan, lay_out
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import GroupSize, Size
from edgebench.cli import main
from edgebench.converters.artifact import find_artifacts
from edgebench.deploy.documents.plan import TurnLength
from edgebench.deploy.documents.staging import read_plan, stage_file, write_plan
from edgebench.deploy.runner.child import Child
from edgebench.deploy.transports.apple.iphone import IPhone
from edgebench.errors import DeviceError
from edgebench.progress import silent

pytestmark = pytest.mark.rig


@pytest.fixture(autouse=True)
def swift_app(mac: Mac, evaluator: Server) -> Mac:
    return swift_phone.has_swift_app(mac)


def staged(packages: Path, folder: Path, baseline: str, *models: str, **asked: Any) -> Path:
    """A run folder whose plan measures the models against the first of them, in two processes."""
    names = (baseline, *models)
    found = [one for one in find_artifacts(packages) if one.manifest.model in names]
    request = RunRequest(
        str(packages),
        "iphone15",
        models=names,
        baseline=baseline,
        against_itself=not models,
        **{"delegate": "none", **asked},
    )
    draft = draft_plan("made", choose(found, request), request)
    sizes = {one.name: GroupSize(TurnLength(3, 1, 1), 1, 1, True) for one in draft.groups}
    write_plan(lay_out(draft, Size(2, 2, sizes), 0.05), folder)
    for one in found:
        stage_file(one.path, one.manifest.sha256, folder)
        assert one.manifest.evaluation is not None
        inputs = packages / one.manifest.evaluation.inputs
        stage_file(inputs, one.manifest.evaluation.inputs_sha256, folder)
    return folder


def by_python(folder: Path, slot: str) -> dict[str, np.ndarray]:
    """What the Python runner keeps of the outputs of a slot, with the same evaluator."""
    child = Child.__new__(Child)
    child.plan = json.loads((folder / "plan.json").read_text())
    # coremltools writes into a package that it opens.
    child.files = str(shutil.copytree(folder / "files", folder / f"files of {slot}"))
    target = folder / "by_python"
    names = child._evaluation(slot, str(target))["outputs"]
    return {role: np.load(target / name) for role, name in names.items()}


@pytest.mark.parametrize(
    "model", ["classifier", "reader", "detector", "segmenter", swift_phone.PIPELINE]
)
def test_what_is_kept_is_what_the_python_runner_keeps(
    packages: Path, phone: IPhone, tmp_path: Path, model: str
) -> None:
    folder = staged(packages, tmp_path / "run", model)
    result = phone.run(folder, silent)
    assert result.complete, [one.error for one in result.evaluations.values()]
    assert result.context.system == "iOS by a test engine" and result.context.python is None
    for slot, one in result.evaluations.items():
        wanted = by_python(folder, slot)
        assert one.outputs is not None and set(one.outputs) == set(wanted)
        for role, name in one.outputs.items():
            kept = np.load(folder / name)
            assert (kept.dtype, kept.shape) == (wanted[role].dtype, wanted[role].shape)
            assert np.abs(kept.astype(float) - wanted[role]).max() <= 1e-6
    for block in result.blocks:
        assert block.error is None and block.before is not None
        assert block.before.probe_ns and len(block.before.probe_ns) == 20
        for turn in block.turns:
            assert (len(turn.dropped_ns), len(turn.samples_ns)) == (1, 2)
            assert min(turn.samples_ns) > 0 and turn.cpu_ns is not None


def test_what_a_plan_asks_of_an_iphone_in_vain_is_an_error(
    packages: Path, phone: IPhone, tmp_path: Path
) -> None:
    for asked, said in (
        ({"cores": (0,)}, "iOS chooses the cores itself"),
        ({"delegate": "npu"}, "Core ML has no npu delegate"),
    ):
        folder = staged(packages, tmp_path / str(*asked), "classifier", **asked)
        with pytest.raises(DeviceError, match=said):
            phone.run(folder, silent)


def test_where_operations_are_to_run_is_in_the_result(
    packages: Path, phone: IPhone, evaluator: Server, tmp_path: Path
) -> None:
    def placed(*processors: str) -> list[dict[str, Any]]:
        return [
            {"name": f"op{i}", "type": f"ios16.{processor}_op", "processor": processor, "weight": w}
            for i, (processor, w) in enumerate(zip(processors, (0.5, 0.25, None), strict=True))
        ]

    evaluator.placements["ane"] = placed("neural_engine", "cpu", "neural_engine")
    folder = staged(packages, tmp_path / "run", "classifier", delegate="ane")
    result = phone.run(folder, silent)
    assert {turn.cpu_ns for block in result.blocks for turn in block.turns} == {None}
    for one in result.evaluations.values():
        assert (one.partitions, one.leftover_ops) == (2, ("ios16.cpu_op",))
        assert one.placement is not None and len(one.placement) == 3
        assert (one.placement[0].processor, one.placement[0].cost_weight) == ("neural_engine", 0.5)
        assert one.placement[2].cost_weight is None


def test_a_crash_costs_the_block_and_a_line_cut_short_nothing_else(
    packages: Path, mac: Mac, phone: IPhone, tmp_path: Path
) -> None:
    (mac.phone / "crash once at block 0").touch()
    (mac.phone / "cut short at block 1").touch()
    folder = staged(packages, tmp_path / "run", "classifier", "richer")
    result = phone.run(folder, silent)
    assert all("crashed" in str(block.error) for block in result.blocks)
    again = phone.run(folder, silent)
    assert again.complete and again.evaluations == result.evaluations


def test_an_app_in_the_background_stops_and_the_run_goes_on_from_there(
    packages: Path, mac: Mac, phone: IPhone, tmp_path: Path
) -> None:
    (mac.phone / "background at block 1").touch()
    folder = staged(packages, tmp_path / "run", "classifier", "richer")
    with pytest.raises(DeviceError, match="it was put in the background"):
        phone.run(folder, silent)
    assert phone.run(folder, silent).complete


def test_outputs_that_are_damaged_are_named_and_evaluated_again(
    packages: Path, mac: Mac, phone: IPhone, tmp_path: Path
) -> None:
    folder = staged(packages, tmp_path / "run", "classifier", "richer")
    (slot, *_) = read_plan(folder).artifacts
    (mac.phone / f"damage outputs of {slot}").touch()
    with pytest.raises(DeviceError, match=r"logits\.npy was damaged"), phone.reserved():
        phone.run(folder, silent)
    with phone.reserved():  # Which clears what the first left on the phone.
        assert phone.run(folder, silent).complete


def test_a_file_that_is_not_the_plans_is_not_opened(
    packages: Path, phone: IPhone, tmp_path: Path
) -> None:
    folder = staged(packages, tmp_path / "run", "classifier")
    plan = read_plan(folder)
    artifacts = {slot: replace(one, sha256="0" * 64) for slot, one in plan.artifacts.items()}
    write_plan(replace(plan, artifacts=artifacts), folder)
    with pytest.raises(DeviceError, match="has changed since the plan was made"):
        phone.run(folder, silent)


def test_the_app_answers_a_check_and_clears_its_files(mac: Mac, phone: IPhone) -> None:
    assert [(step.name, step.state) for step in phone.check()] == [
        (name, "ok") for name in ("found", "usable", "disk image", "app", "contract")
    ]
    assert not (mac.phone / "Documents/edgebench").exists()


def test_a_whole_run_ends_in_a_report(
    packages: Path,
    evaluator: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the Neural Engine asked for and not used, so that the report has no verdict."""
    monkeypatch.setattr(
        IPhone.__init__, "__kwdefaults__", {**IPhone.__init__.__kwdefaults__, "poll_s": 0.05}
    )
    evaluator.placements["ane"] = [
        {"name": "scores", "type": "ios16.conv", "processor": "cpu", "weight": 1.0}
    ]
    words = (
        "--device",
        "iphone15",
        "richer",
        "--baseline",
        "classifier",
        "--delegate",
        "ane",
    )
    folders = ("--artifacts", str(packages), "--runs", str(tmp_path / "runs"))
    short = ("--budget", "10s", "--detect", "50%", "--html")
    assert main([*words, *folders, *short]) == 3
    report = " ".join(capsys.readouterr().out.split())
    assert "iphone15" in report and "richer" in report
    assert "ran without the ane delegate" in report
    assert list((tmp_path / "runs").rglob("*.html"))
