"""LiteRT's own dispatch to an NPU's library, with Intel's compiler and OpenVINO on this CPU.

It is the way that `--delegate npu` takes on a phone: the compiler's plugin and the dispatch library
are pushed, LiteRT compiles the file and hands it over, and edgebench reads what all of them print.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import own_environment
import planted_operators
import pytest
from phone import PhoneShell
from test_android_readings import battery, thermal
from toy_models import MakeRun

from edgebench.converters.tflite import inspect
from edgebench.deploy.benchmark_model import compiled_model
from edgebench.deploy.benchmark_model.libraries import LibrarySet
from edgebench.deploy.benchmark_model.runner import BenchmarkModelRunner
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import PLAN, stage_file, write_plan
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.store import Store
from edgebench.documents import load, sha256
from edgebench.errors import DeviceError
from edgebench.progress import silent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Intel's plugin is for Linux on x86-64"),
]

# LiteRT 2.3.0's plugin is linked with this OpenVINO (libopenvino.so.2631), not with ours.
PACKAGES = ("openvino==2026.3.1", "ai-edge-litert==2.3.0", "numpy<2.4")
PROGRAM = Path(__file__).parents[2] / "dispatch_tool_program.py"
NAMES = ("libLiteRtDispatch_IntelOpenvino.so", "libLiteRtCompilerPlugin_IntelOpenvino.so")


@pytest.fixture(scope="module")
def python() -> Path:
    return own_environment.python_with("dispatch", *PACKAGES)


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: Path) -> PhoneShell:
    """A phone whose NPU is Intel's: the only thing of it that is not a phone's."""
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path / "data"))
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    vendor = packages / "ai_edge_litert" / "vendors" / "intel_openvino"
    monkeypatch.setattr(
        compiled_model, "wanted", lambda shell: LibrarySet(NAMES, vendor, "ai-edge-litert")
    )
    shell = PhoneShell(tmp_path / "phone")
    (shell.state / "dumpsys.thermalservice").write_text(thermal())
    (shell.state / "dumpsys.battery").write_text(battery(77))
    return shell


def run(
    phone: PhoneShell,
    tmp_path: Path,
    python: Path,
    folder: Path,
    *,
    libraries: str = "openvino/libs",
    with_cpu: bool = False,
) -> RunResult:
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    tool = tmp_path / "data" / "android" / "benchmark_litert_model"
    tool.parent.mkdir(parents=True)
    also = "WITH_CPU=1 " if with_cpu else ""
    tool.write_text(
        f"#!/bin/sh\nexport LD_LIBRARY_PATH={packages / libraries}:$LD_LIBRARY_PATH\n"
        f'{also}exec {python} {PROGRAM} "$@"\n'
    )
    tool.chmod(0o755)
    store = Store(phone, str(tmp_path / "phone" / "home"))
    device = RemoteDevice(
        "phone", "a stand-in", store, BenchmarkModelRunner(), keep=True, reconnect_s=5.0
    )
    return device.run(folder, silent)


def with_ceil(folder: Path, toys: Path, tmp_path: Path) -> Path:
    """The run folder with an operator in its file that Intel's compiler does not take: CEIL."""
    changed = tmp_path / "ceil.tflite"
    assert planted_operators.with_other(toys / "attention.tflite", "LOGISTIC", "CEIL", changed)
    plan = load(folder / PLAN, Plan)
    (slot,) = plan.artifacts
    digest = sha256(changed)
    file = stage_file(changed, digest, folder)
    artifact = replace(plan.artifacts[slot], file=file, sha256=digest)
    write_plan(replace(plan, artifacts={slot: artifact}), folder)
    return folder


def test_a_model_is_compiled_and_dispatched_whole(
    phone: PhoneShell, tmp_path: Path, python: Path, make_run: MakeRun, toys: Path
) -> None:
    folder = make_run("plain", "attention", blocks=1, processes=1, delegate="npu")
    result = run(phone, tmp_path, python, folder)
    assert result.complete and not any(block.error for block in result.blocks)
    assert result.context.libraries is not None and set(result.context.libraries) == set(NAMES)
    for slot, one in result.evaluations.items():
        ops = inspect.summary(toys / f"{slot}.tflite").ops
        assert (one.error, one.partitions, one.leftover_ops) == (None, 1, ())
        assert one.operators == {"DispatchDelegate": sum(ops.values()), "cpu": 0}
        assert one.compile_s is not None and one.compile_s > 0


def test_a_model_that_is_not_taken_whole_fails_with_litert_s_reason(
    phone: PhoneShell, tmp_path: Path, python: Path, make_run: MakeRun, toys: Path
) -> None:
    folder = make_run("attention", blocks=1, processes=1, delegate="npu")
    with pytest.raises(DeviceError, match=r": Some ops are not accelerated") as caught:
        run(phone, tmp_path, python, with_ceil(folder, toys, tmp_path))
    ops = sum(inspect.summary(toys / "attention.tflite").ops.values())
    assert f"takes {ops - 1} of {ops} operators, in 2 parts" in caught.value.message


def test_what_the_cpu_ran_although_litert_says_fully_accelerated_is_seen(
    phone: PhoneShell, tmp_path: Path, python: Path, make_run: MakeRun, toys: Path
) -> None:
    """With the CPU among the accelerators LiteRT goes on, and says that the NPU has it all."""
    folder = make_run("attention", blocks=1, processes=1, delegate="npu")
    result = run(phone, tmp_path, python, with_ceil(folder, toys, tmp_path), with_cpu=True)
    (one,) = result.evaluations.values()
    assert one.partitions == 0  # Which is "ran without the npu delegate": no verdict.
    assert one.operators is None or "DispatchDelegate" not in one.operators


def test_a_compiler_whose_own_libraries_are_missing_is_no_npu(
    phone: PhoneShell, tmp_path: Path, python: Path, make_run: MakeRun
) -> None:
    folder = make_run("plain", blocks=1, processes=1, delegate="npu")
    with pytest.raises(DeviceError, match=r"compiler stopped at: libopenvino\.so\.2631"):
        run(phone, tmp_path, python, folder, libraries="nowhere")


def test_a_lost_compiler_is_seen_where_the_cpu_goes_on_in_its_place(
    phone: PhoneShell, tmp_path: Path, python: Path, make_run: MakeRun
) -> None:
    folder = make_run("plain", blocks=1, processes=1, delegate="npu")
    result = run(phone, tmp_path, python, folder, libraries="nowhere", with_cpu=True)
    assert {one.partitions for one in result.evaluations.values()} == {0}
