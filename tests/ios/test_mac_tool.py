"""The core as `edgebench-coreml` on a Mac, with the evaluator of programs for Core ML."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
import swift_phone
from evaluator_server import Server
from test_app_in_swift import staged

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.transports.apple import mac, mac_tool
from edgebench.deploy.transports.apple.mac import Mac
from edgebench.errors import DeviceError
from edgebench.progress import silent

pytestmark = pytest.mark.rig


@pytest.fixture
def this_mac(evaluator: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mac:
    """A Mac on which edgebench-coreml is installed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    words = shlex.join(swift_phone.start_program())
    started = f'{words} "$1" "${{1%/*}}" {shlex.quote(str(tmp_path))}'
    where = f'EDGEBENCH_RUN="${{1#{tmp_path}}}" EDGEBENCH_CONTRACT=edgebench.app/3'
    text = f"#!/bin/sh\nexport {where}\nexec {started}\n"
    (programs / mac_tool.NAME).write_text(text)
    (programs / mac_tool.NAME).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(mac, "require_mac", lambda: None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return Mac(DeviceEntry("this Mac's Core ML", "mac", name="mac"))


def test_packages_are_measured_by_the_core(packages: Path, this_mac: Mac, tmp_path: Path) -> None:
    folder = staged(packages, tmp_path / "run", "classifier", "richer")
    result = this_mac.run(folder, silent)
    assert result.complete and result.context.python is None
    assert "test engine" in result.context.runtimes["coreml"].name
    for one in result.evaluations.values():
        assert one.outputs and all((folder / name).exists() for name in one.outputs.values())
    assert next(step for step in this_mac.check() if step.name == mac_tool.NAME).state == "ok"


def test_a_failure_of_the_program_is_said(packages: Path, this_mac: Mac, tmp_path: Path) -> None:
    (tmp_path / "background at block 0").touch()
    folder = staged(packages, tmp_path / "run", "classifier", "richer")
    with pytest.raises(DeviceError, match="edgebench-coreml on this Mac stopped"):
        this_mac.run(folder, silent)
    assert this_mac.run(folder, silent).complete


def test_without_xcode_coremltools_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert mac_tool.find() is None
    step = mac_tool.check()
    assert step.state == "note" and "coremltools measures Core ML" in step.found
