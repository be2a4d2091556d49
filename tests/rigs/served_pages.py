"""Pages that edgebench serves to a browser, and what lies between the two."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from browsers import Chromium, Page

from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import PLAN, RESULT
from edgebench.deploy.transports.browser import listening
from edgebench.deploy.transports.browser.device import BrowserDevice
from edgebench.deploy.transports.browser.listening import Listening
from edgebench.deploy.transports.local import LocalDevice
from edgebench.documents import load, save
from edgebench.progress import silent

MEASURING = "measuring blocks"
INSECURE = "phone.test"
"""A name that is this machine for our Chromium, and not for the rules of secure pages."""


@dataclass
class Served:
    """A browser's device, reserved, and its address."""

    device: BrowserDevice
    address: str


@contextmanager
def served(listens: Listening = Listening(), name: str = "browser") -> Iterator[Served]:  # noqa: B008
    listening.listen(listens)
    device = BrowserDevice(name, "a browser")
    with device.invited("It takes a minute.") as invitation, device.reserved():
        yield Served(device, invitation.addresses[0])
    listening.listen(Listening())


@contextmanager
def opened(chromium: Chromium, address: str) -> Iterator[Page]:
    """A tab with the page, which begins at once."""
    page = chromium.open(f"{address}&start")
    yield page
    page.kill()


def at_block(number: int, act: Callable[[], None]) -> Callable[[str, int, int], None]:
    """A listener that acts once, when so many blocks are done."""
    acted = False

    def heard(step: str, done: int, total: int) -> None:
        nonlocal acted
        if not acted and step == MEASURING and done >= number:
            acted = True
            act()

    return heard


def same(one: RunResult, other: RunResult) -> bool:
    """Whether the blocks of `one` are in the other as they were."""
    after = {block.index: block for block in other.blocks}
    return all(after[block.index] == block for block in one.blocks)


def compare(folder: Path, host: Path, *slots: str) -> None:
    """The outputs are those of this machine's own runtime: int8 bit for bit, floats nearly."""
    plan = load(folder / PLAN, Plan)
    host.mkdir()
    (host / "files").symlink_to(folder / "files")
    save(host / PLAN, replace(plan, blocks=(), threads=1, delegate="xnnpack"))
    here = LocalDevice().run(host, silent)
    there = load(folder / RESULT, RunResult)
    for slot in slots or here.evaluations:
        one = here.evaluations[slot]
        assert one.outputs and there.evaluations[slot].outputs == one.outputs
        for name in one.outputs.values():
            found, wanted = np.load(folder / name), np.load(host / name)
            if "int8" in slot:
                np.testing.assert_array_equal(found, wanted)
            else:
                np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


class Network:
    """What lies between a browser and edgebench: a port that passes everything on, or does not."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._ends: list[socket.socket] = []
        self.up = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._server.accept()
            except OSError:
                return
            if not self.up:
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self._target))
            self._ends += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    def cut(self) -> None:
        """All connections break, and new ones do not come about."""
        self.up = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def close(self) -> None:
        self.cut()
        self._server.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])
