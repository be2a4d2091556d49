"""Plans carried out by `benchmark_model`: a stand-in of it, on a stand-in for a phone."""

from __future__ import annotations

import json
from pathlib import Path

import litert_tool
import numpy as np
import pytest
from phone import PhoneShell
from test_android_readings import battery, thermal
from toy_models import IMAGES, MakeRun

from edgebench.deploy.android.benchmark_model import BenchmarkModelRunner
from edgebench.deploy.device import Step
from edgebench.deploy.local import LocalDevice
from edgebench.deploy.remote import RemoteDevice
from edgebench.deploy.result import RunResult
from edgebench.deploy.shell import DeviceLostError
from edgebench.deploy.store import Store
from edgebench.errors import DeviceError
from edgebench.progress import silent


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhoneShell:
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path / "data"))
    shell = PhoneShell(tmp_path / "phone")
    (shell.state / "dumpsys.thermalservice").write_text(thermal())
    (shell.state / "dumpsys.battery").write_text(battery(77))
    for name, value in {"ro.build.version.release": "16", "ro.soc.model": "T1000"}.items():
        (shell.state / f"prop.{name}").write_text(value + "\n")
    return shell


def device(phone: PhoneShell, tmp_path: Path, **mode: object) -> RemoteDevice:
    tool = litert_tool.write(tmp_path / "data" / "android" / "benchmark_model", **mode)
    store = Store(phone, str(tmp_path / "phone" / "home"))
    return RemoteDevice(
        "phone", "a stand-in", store, BenchmarkModelRunner(), keep=True, patience_s=5.0
    )


def measure(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun, *names: str, **options: object
) -> tuple[Path, RunResult]:
    """Run a plan of one block; `mode` is the stand-in's."""
    mode = options.pop("mode", {})
    assert isinstance(mode, dict)
    folder = make_run(*(names or ("plain", "attention")), blocks=1, processes=1, **options)
    return folder, device(phone, tmp_path, **mode).run(folder, silent)


def test_a_plan_is_carried_out_and_every_visit_says_what_its_sample_is(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    _, result = measure(phone, tmp_path, make_run, cores=[0])
    assert result.complete
    (block,) = result.blocks
    assert [visit.slot for visit in block.visits] == ["plain", "attention", "attention", "plain"]
    for visit in block.visits:
        assert visit.summary is not None and visit.summary.kind == "median"
        assert visit.summary.inferences >= 3
        assert len(visit.samples_ns) == len(visit.warmup_ns) == 1
        assert visit.samples_ns[0] > 0
    assert block.before is not None and block.after is not None
    assert block.after.battery_percent == 77 and block.before.thermal_status == 0
    took = block.after.unix_s - block.before.unix_s
    assert took > sum(visit.samples_ns[0] * 3 for visit in block.visits) / 1e9
    assert block.before.unix_s <= block.visits[0].unix_s <= block.after.unix_s
    context = result.context
    assert (context.system, context.cpu_model, context.python) == ("Android 16", "T1000", None)
    assert context.runtimes["tflite"].name == "benchmark_model"
    assert context.cores == (0,)
    for evaluation in result.evaluations.values():
        assert evaluation.partitions == 1 and evaluation.leftover_ops == ()
        assert evaluation.load_s is not None and evaluation.first_inference_s is not None
        assert evaluation.peak_memory_bytes == round(7.25 * 2**20)
