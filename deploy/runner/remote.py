"""A host at the other end of stdin and stdout, which keeps a copy of the result.

Each line on stdin says that the host has fetched the files of a change, and the end of stdin that
it is gone, or wants no more.
"""

from __future__ import annotations

import os
import signal
import threading

from .files import hash_of
from .messages import Json, Reporter, send


class Host:
    """What comes from the host on stdin."""

    def __init__(self) -> None:
        self.answers = threading.Semaphore(0)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            heard = os.read(0, 4096)
            if not heard:  # As on Ctrl-C: nothing else tells that a cable was pulled.
                os.kill(os.getpid(), signal.SIGINT)
                return
            for _ in range(heard.count(b"\n")):
                self.answers.release()

    def wait(self) -> None:
        """Wait until the host has answered once more."""
        self.answers.acquire()


class RemoteReporter(Reporter):
    """The host hears every change, with hash and size of the outputs that it is to fetch.

    `folder` is the result's own. `wait` returns when the host has fetched them: the transfer would
    disturb whatever is timed meanwhile. A later change does not list them again.
    """

    def __init__(self, folder: str, host: Host | None = None) -> None:
        self.folder = folder
        self.host = host
        self.told: set[str] = set()

    def change(self, parts: Json) -> None:
        files = {}
        for found in parts.get("evaluations", {}).values():
            for name in (found.get("outputs") or {}).values():
                if name not in self.told:
                    path = os.path.join(self.folder, name)
                    files[name] = {"sha256": hash_of(path), "size_bytes": os.path.getsize(path)}
        send({"change": parts, "files": files})
        self.told.update(files)
        if files and self.host is not None:
            self.host.wait()
