"""A phone without Python, through the whole command line: a real adbd, and `benchmark_model`.

LiteRT's own program cannot be had for this machine: a stand-in takes its place, which really runs
the models and prints in the same forms (see tests/litert_tool_program.py).
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from litert_tool import write
from phones import Bench, Phone

from edgebench.deploy.benchmark_model import qualcomm
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.npu import empty_library
from edgebench.documents import load

pytestmark = pytest.mark.rig

MEASURED = (0, 3)
"""A busy machine gets no verdict, and all is measured nevertheless."""


def without_python(bench: Bench, phone: Phone, **mode: object) -> None:
    """Take the phone's Python away, and put the user's copy of the tool in its place here."""
    (phone.folder / "bin" / "python3").unlink(missing_ok=True)
    write(bench.folder / "data" / "android" / "benchmark_model", **mode)


def words(artifacts: Path, *more: str) -> tuple[str, ...]:
    return (
        *("--device", "fake", "attention", "--baseline", "plain", "--precisions", "fp32"),
        *(
            "--detect",
            "50%",
            "--whole-budget",
            "--cores",
            "0",
            "--artifacts",
            str(artifacts),
            *more,
        ),
    )


def results(bench: Bench) -> list[RunResult]:
    return [load(path, RunResult) for path in bench.folder.glob("runs/*/result.json")]


def test_a_run_on_the_gpu_goes_on_when_the_phone_is_back(
    bench: Bench, phone: Phone, toy_artifacts: Path
) -> None:
    without_python(bench, phone, gpu="partial")
    command = bench.command(*words(toy_artifacts, "--delegate", "gpu"))
    log = bench.folder / "said"
    process = bench.sandbox.start(["env", "-C", str(bench.folder), *command], bench.env, log)
    while not any(len(one.blocks) >= 2 for one in results(bench)):
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    (first,) = results(bench)
    phone.unplug()
    time.sleep(1)
    phone.plug_in()
    assert process.wait(timeout=300) in MEASURED, log.read_text()
    said = log.read_text()
    (result,) = results(bench)
    assert result.complete and result.blocks[: len(first.blocks)] == first.blocks
    for turn in (turn for block in result.blocks for turn in block.turns):
        assert turn.summary is not None
    for block in result.blocks:
        assert block.before is not None and block.after is not None
        assert (block.before.thermal_status, block.after.battery_percent) == (0, 86)
    for evaluation in result.evaluations.values():
        assert evaluation.partitions == 2 and evaluation.leftover_ops == ("MEAN", "SOFTMAX")
        assert evaluation.outputs is not None
        (outputs,) = bench.folder.glob(f"runs/*/{evaluation.outputs['logits']}")
        assert len(np.load(outputs)) == evaluation.images
    assert "the gpu delegate runs attention in 2 partitions" in " ".join(said.split())
    assert "benchmark_model reports no single times" in " ".join(said.split())
    assert phone.left_behind() == []
    assert "cmd power set-fixed-performance-mode-enabled true" in phone.calls
    assert (phone.state / "fixed").read_text().strip() == "false"
    assert not (phone.state / "settings.global.stay_on_while_plugged_in").exists()


def test_a_gpu_that_refuses_is_said(bench: Bench, phone: Phone, toy_artifacts: Path) -> None:
    without_python(bench, phone, gpu="refused")
    done = bench.edgebench(*words(toy_artifacts, "--delegate", "gpu"))
    assert done.returncode == 1
    assert "Failed to apply GPU delegate" in done.stderr
    assert phone.left_behind() == []


def test_the_check_says_where_to_get_the_tool(bench: Bench, phone: Phone) -> None:
    without_python(bench, phone)
    ready = bench.edgebench("devices", "check", "fake")
    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert "it saves outputs" in " ".join(ready.stdout.split())
    (bench.folder / "data" / "android" / "benchmark_model").unlink()
    lacking = bench.edgebench("devices", "check", "fake")
    assert lacking.returncode != 0
    assert "ai.google.dev/edge/litert" in lacking.stdout
    assert phone.left_behind() == []


def give_npu_libraries(bench: Bench, phone: Phone) -> None:
    """Make it a phone with a Snapdragon 8 Gen 3, and put the vendors' libraries in place here."""
    properties = (phone.state / "properties").read_text()
    (phone.state / "properties").write_text(properties.replace("=GS201", "=SM8650"))
    own = bench.folder / "data" / "android"
    qnn = (*qualcomm.RUNTIME, *qualcomm.of_generation(75))
    litert = ("libLiteRtDispatch_Qualcomm.so", "libLiteRtCompilerPlugin_Qualcomm.so")
    wanted = {"qnn": (qualcomm.DELEGATE, *qnn), "npu": (*litert, *qnn, "libQnnIr.so")}
    for folder, names in wanted.items():
        (own / folder).mkdir(parents=True, exist_ok=True)
        for name in (*names, "libQnnSaver.so"):
            empty_library.write(own / folder / name)


@pytest.mark.parametrize(
    ("delegate", "mode"), [("npu", {"form": "compiled"}), ("qnn", {"qnn": "whole"})]
)
def test_a_run_on_the_npu_sends_the_vendors_libraries_and_records_them(
    bench: Bench, phone: Phone, toy_artifacts: Path, delegate: str, mode: dict[str, str]
) -> None:
    without_python(bench, phone, **mode)
    missing = bench.edgebench(*words(toy_artifacts, "--delegate", delegate))
    assert missing.returncode == 1
    give_npu_libraries(bench, phone)
    done = bench.edgebench(*words(toy_artifacts, "--delegate", delegate))
    assert done.returncode in MEASURED, done.stdout + done.stderr
    (result,) = (one for one in results(bench) if one.complete)
    assert result.context.delegate == delegate and result.context.libraries is not None
    assert "libQnnHtpV75Skel.so" in result.context.libraries
    assert {one.partitions for one in result.evaluations.values()} == {1}
    assert {one.leftover_ops for one in result.evaluations.values()} == {()}
    assert f"ran without the {delegate} delegate" not in done.stdout
    assert phone.left_behind() == []


def test_an_npu_that_left_everything_to_the_cpu_has_no_verdict(
    bench: Bench, phone: Phone, toy_artifacts: Path
) -> None:
    without_python(bench, phone, form="compiled", npu="silent")
    give_npu_libraries(bench, phone)
    done = bench.edgebench(*words(toy_artifacts, "--delegate", "npu"))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "ran without the npu delegate" in " ".join(done.stdout.split())
