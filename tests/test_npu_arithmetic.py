"""The emulated NPU against this machine's CPU, on trained checkpoints that ship.

Qualcomm's emulator computes the quantised ONNX files and the compiled .tflite files. What the
report says of ONNX files is compared with ONNX Runtime's own answers, which the test asks for.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import planted_operators
import pytest

from edgebench.cli import main
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import PLAN, RESULT
from edgebench.documents import load

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux", reason="Qualcomm's libraries are for Linux on x86-64"
    ),
]

MODELS = ("scenes_v2", "scenes_v2_se", "scenes_v2_ca")
FORMATS = ("onnx", "tflite")
IMAGES = 24
DEVICE = ("--device", "hexagon-emulator", "--images", str(IMAGES))


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, the rows of its report by slot, and all that was printed."""

    folder: Path
    rows: dict[str, dict[str, Any]]
    shown: str


@pytest.fixture(scope="module")
def run(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    runs = tmp_path_factory.mktemp("runs")
    chosen = ("--formats", "onnx,tflite", "--precisions", "int8", "--artifacts", str(zoo))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "120")
        assert main([*MODELS, *DEVICE, *chosen, "--runs", str(runs)]) == 0
    names = {suffix: runs / f"report.{suffix}" for suffix in ("json", "md", "html", "xml")}
    options = [word for suffix, path in names.items() for word in (f"--{suffix}", str(path))]
    options[options.index("--xml")] = "--junit"
    assert main(["report", "--runs", str(runs), *options]) == 0
    report = json.loads(names["json"].read_text())
    rows = {row["slot"]: row for group in report["groups"] for row in group["rows"]}
    (folder,) = (path.parent for path in runs.glob(f"*/{PLAN}"))
    shown = names["md"].read_text() + names["html"].read_text() + names["xml"].read_text()
    return Run(folder, rows, shown)


def kept(run: Run, slot: str) -> np.ndarray:
    """The logits that came from the emulator."""
    evaluation = load(run.folder / RESULT, RunResult).evaluations[slot]
    assert evaluation.outputs is not None
    return np.load(run.folder / evaluation.outputs["logits"])


def by_onnx_runtime(run: Run, slot: str, path: Path) -> np.ndarray:
    """The logits of ONNX Runtime's CPU provider, of the images that the emulator was given."""
    inputs = load(run.folder / PLAN, Plan).artifacts[slot].evaluation
    assert inputs is not None
    with np.load(run.folder / "files" / inputs.file) as stored:
        images = stored["images"][:IMAGES]
    scaled = (images.astype(np.float32) / 255 - np.float32(inputs.mean)) / np.float32(inputs.std)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    turned = scaled.transpose(0, 3, 1, 2)
    return np.concatenate([session.run(None, {name: one[None]})[0] for one in turned])


@pytest.mark.parametrize("model", MODELS)
def test_the_report_compares_with_onnx_runtimes_own_answers(
    run: Run, zoo: Path, model: str
) -> None:
    slot = f"{model}.int8.onnx"
    there, here = kept(run, slot), by_onnx_runtime(run, slot, zoo / slot)
    assert there.shape == here.shape == (IMAGES, there.shape[1])
    told = run.rows[slot]["on_host"]
    assert told["runtime"]["name"] == "onnxruntime" and told["samples"] == IMAGES
    share = np.mean(there.argmax(1) == here.argmax(1))
    assert told["agreement"]["value"] == pytest.approx(share)
    assert told["agreement"]["low"] < share <= told["agreement"]["high"]
    snr_db = 10 * np.log10(np.square(here).sum() / np.square(there - here).sum())
    (output,) = told["outputs"]
    # This machine's kernels are asked in another process, and may round a value the other way.
    assert output["snr_db"] == pytest.approx(snr_db, abs=0.5)
    assert output["max_abs_error"] == pytest.approx(np.abs(there - here).max(), rel=0.1)
    assert 15 < snr_db < 60  # The same arithmetic, and not the same kernels.


def test_accuracy_and_drift_have_intervals_in_both_formats(run: Run) -> None:
    assert set(run.rows) == {f"{model}.int8.{form}" for model in MODELS for form in FORMATS}
    for slot, row in run.rows.items():
        assert row["error"] is None, slot
        assert (row["partitions"], row["leftover_ops"]) == (1, [])
        figure = row["accuracy"]["figures"][0]
        for estimate in (figure["on_device"], figure["drop"], row["drift"]["agreement"]):
            assert estimate["low"] < estimate["high"]
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
        paired = figure["gain"]
        assert (paired is None) == slot.startswith("scenes_v2.")  # It is the baseline.
        assert row["drift"]["samples"] == IMAGES
        assert row["drift"]["outputs"][0]["snr_db"] > 15
        assert row["drift"]["agreement"]["high"] > 0.9


def test_no_time_of_the_emulator_is_in_any_report(run: Run) -> None:
    for row in run.rows.values():
        times = ("latency", "load_s", "first_inference_s", "overhead", "verdict")
        assert all(row[name] is None for name in times) and not row["levels_s"]
    result = load(run.folder / RESULT, RunResult)
    assert not result.blocks
    for unit in (" ms", "ms |", "overhead |", "faster", "slower"):
        assert unit not in run.shown, unit
    assert "Hexagon emulator, SM8650" in run.shown


def test_an_operator_that_the_npu_leaves_ends_the_run_by_name(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing runs on this machine's processor in the place of the NPU."""
    theirs = tmp_path / "theirs" / "planted.onnx"
    theirs.parent.mkdir()
    planted_operators.with_erf(zoo / "scenes_v2_ca.int8.onnx", theirs)
    runs = ("--runs", str(tmp_path / "runs"))
    chosen = ("--artifacts", str(theirs.parent), "--formats", "onnx")
    assert main(["run", "planted", *chosen, *DEVICE, *runs]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert re.search(r"the NPU leaves \d+ operators to the CPU: .*\bErf\b", said)
    assert "edgebench estimate" in said
    hybrid = ("scenes_v2_ca", "--precisions", "dynamic", "--artifacts", str(zoo))
    assert main([*hybrid, *DEVICE, *runs]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert re.search(r"SM8650 leaves \d+ operators of \d+ to the CPU: .*CONV_2D", said)
