"""ONNX Runtime on an x86 processor without VNNI: a Haswell, emulated by QEMU.

Its kernels choose by what the processor says of itself, which only an emulator can change.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest
from without_vnni import check_drift, check_export

from edgebench.deploy.transports.emulated.debian import fetch_packages
from edgebench.places import cache_folder

pytestmark = pytest.mark.rig

EMULATOR = "usr/bin/qemu-x86_64"
# Two features of a Haswell that QEMU cannot emulate and that nothing here needs.
HASWELL = "Haswell,hle=off,rtm=off"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs this environment's own Python")
def test_onnx_runtime_without_vnni(tmp_path: Path) -> None:
    folder = cache_folder() / "x86_64" / "emulator"
    fetch_packages(["qemu-user"], "trixie", "amd64", folder, only=[EMULATOR])
    check_export("onnx", tmp_path, [str(folder / EMULATOR), "-cpu", HASWELL], os.environ)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs this environment's own Python")
def test_drift_in_onnx_runtime_without_vnni(tmp_path: Path) -> None:
    folder = cache_folder() / "x86_64" / "emulator"
    fetch_packages(["qemu-user"], "trixie", "amd64", folder, only=[EMULATOR])
    check_drift("onnx", tmp_path, [str(folder / EMULATOR), "-cpu", HASWELL], os.environ)
