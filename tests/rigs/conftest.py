"""Tests against real daemons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsers import Chromium
from phones import Bench, Phone
from served_pages import INSECURE, Served, served
from ssh_board import SshBoard
from toy_artifacts import SHORT, make_real_artifacts

from edgebench.deploy.registry import devices
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.transports.browser import assets
from edgebench.errors import EdgeBenchError
from edgebench.progress import silent


@pytest.fixture(scope="session")
def toy_artifacts(toys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of two real models."""
    folder = tmp_path_factory.mktemp("toy_artifacts")
    make_real_artifacts(toys, folder)
    return folder


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A sandbox with adb. Skips the test where it cannot be made."""
    try:
        made = Bench(tmp_path / "bench")
    except (OSError, EdgeBenchError) as error:
        pytest.skip(f"no sandbox with adb: {error}")
    yield made
    made.close()


@pytest.fixture
def phone(bench: Bench) -> Phone:
    """A Pixel 7 on its cable, which the user's list calls `fake`."""
    made = Phone(bench, "28021FDH2000AB")
    made.plug_in()
    made.wait_until_seen()
    bench.register(fake=made.entry)
    return made


@pytest.fixture
def board() -> Iterator[SshBoard]:
    """A board that is set up and not yet switched on."""
    try:
        board = SshBoard("board jumped")
    except EdgeBenchError as error:
        pytest.skip(f"no sshd: {error}")
    yield board
    board.close()


@pytest.fixture
def device(board: SshBoard, monkeypatch: pytest.MonkeyPatch) -> RemoteDevice:
    """The board as a device of this process."""
    for name, value in board.env.items():
        monkeypatch.setenv(name, value)
    device = devices.get("board")
    assert isinstance(device, RemoteDevice)
    return device


@pytest.fixture
def run(toy_artifacts: Path) -> tuple[str, ...]:
    """The words of a short run on the board."""
    return (
        *("--device", "board", "attention", "--baseline", "plain", "--precisions", "fp32"),
        *(*SHORT, "--artifacts", str(toy_artifacts)),
    )


@pytest.fixture(scope="session")
def web_runtime() -> None:
    """LiteRT's for browsers."""
    assets.prepare(silent)


@pytest.fixture(scope="module")
def chromium(web_runtime: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    flags = (f"--host-resolver-rules=MAP {INSECURE} 127.0.0.1", "--ignore-certificate-errors")
    browser = Chromium(tmp_path_factory.mktemp("chromium"), *flags)
    yield browser
    browser.close()


@pytest.fixture
def there(web_runtime: None) -> Iterator[Served]:
    """A browser's device and its address."""
    with served() as made:
        yield made
