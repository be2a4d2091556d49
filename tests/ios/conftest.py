"""What the tests of the iOS app share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import swift_phone
import test_iphone
from evaluator_server import Server
from filelock import FileLock
from zoo import shared_folder


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Core ML packages with their manifests; made once for all processes."""
    folder = shared_folder(tmp_path_factory) / "packages"
    done = folder.with_name("packages.done")
    with FileLock(folder.with_name("packages.lock")):
        if not done.exists():
            swift_phone.exported(folder)
            done.touch()
    return folder / "artifacts"


@pytest.fixture
def evaluator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """What computes for the core's test engine."""
    with swift_phone.evaluator(tmp_path, monkeypatch) as server:
        yield server


mac = test_iphone.mac
phone = test_iphone.phone
