"""Real browsers without a screen: Chromium, told what to do by its own protocol, and Firefox.

The system's Chromium is used where there is one. Otherwise Debian's packages are unpacked into the
cache folder, as adbd's are. https://chromedevtools.github.io/devtools-protocol/ has the protocol.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import ARCHITECTURES, OWN_LIBRARIES, libraries
from waiting import wait_for

from edgebench.deploy.transports.emulated.debian import fetch_packages
from edgebench.places import cache_folder

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--headless=new", "--no-sandbox", "--no-first-run", "--disable-sync", "--mute-audio"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)

WITH_PIPES = """
import fcntl, os, sys
there, here, program, *words = sys.argv[1:]
pipes = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in (there, here)]
os.dup2(pipes[0], 3)
os.dup2(pipes[1], 4)
os.execvp(program, [program, *words])
"""
"""Chromium listens to its protocol on descriptor 3 and answers on 4."""

ANSWER_S = 60.0
"""A Chromium that does not answer for so long fails the test that asks."""


def fetched(package: str) -> Path:
    """Debian's package and all that it needs, unpacked."""
    architecture = ARCHITECTURES[platform.machine()]
    return fetch_packages([package], "bookworm", architecture, cache_folder() / "rigs" / package)


def environment(root: Path, folder: Path) -> dict[str, str]:
    """Of a program whose packages are unpacked there, but for the C library and its loader."""
    own = folder / "lib"
    own.mkdir(parents=True)
    every = libraries(root)
    # Of PulseAudio's libraries one lies in a folder where only the system's loader finds it.
    for path in (*every.iterdir(), *every.glob("pulseaudio/lib*")):
        if not path.name.startswith(OWN_LIBRARIES):
            (own / path.name).symlink_to(path)
    return {"LD_LIBRARY_PATH": str(own)}


class Chromium:
    """One Chromium with a profile of its own. `folder` is new."""

    def __init__(self, folder: Path, *flags: str) -> None:
        found = next(filter(None, map(shutil.which, NAMES)), None)
        more: dict[str, str] = {}
        if found is None:
            root = fetched("chromium")
            found, more = str(root / "usr/lib/chromium/chromium"), environment(root, folder)
        ours, theirs = os.pipe(), os.pipe()
        pipe = ("--remote-debugging-pipe", f"--user-data-dir={folder}/profile", "about:blank")
        words = [found, *QUIET, *flags, *pipe]
        self.process = subprocess.Popen(
            [sys.executable, "-c", WITH_PIPES, str(ours[0]), str(theirs[1]), *words],
            env={**os.environ, **more, "HOME": str(folder)},
            pass_fds=(ours[0], theirs[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self._to, self._from = os.fdopen(ours[1], "wb"), theirs[0]
        self._numbers = itertools.count(1)
        self._unread = b""
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str | None = None, **params: Any) -> Any:
        """The answer to a command. Raises `RuntimeError` for an error, and `TimeoutError`."""
        number = next(self._numbers)
        body = {"id": number, "method": method, "params": params}
        self._to.write(json.dumps(body | ({"sessionId": session} if session else {})).encode())
        self._to.write(b"\0")
        self._to.flush()
        for message in self._messages(f"answers {method}"):
            if message.get("id") != number:
                self.events.append(message)
            elif "error" in message:
                raise RuntimeError(f"{method}: {message['error']}")
            else:
                return message["result"]
        raise RuntimeError(f"Chromium ended at {method}")

    def _messages(self, until: str) -> Iterator[dict[str, Any]]:
        end = time.monotonic() + ANSWER_S
        while True:
            while b"\0" in self._unread:
                message, _, self._unread = self._unread.partition(b"\0")
                yield json.loads(message)
            if not select.select([self._from], [], [], max(end - time.monotonic(), 0.0))[0]:
                raise TimeoutError(f"waited {ANSWER_S:.0f} s in vain until Chromium {until}")
            piece = os.read(self._from, 1 << 20)
            if not piece:
                return
            self._unread += piece

    def open(self, address: str) -> Page:
        """A new tab in front."""
        target = self.ask("Target.createTarget", url="about:blank", newWindow=False)["targetId"]
        return Page(self, target, address)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with suppress(BrokenPipeError):
            self._to.close()
        os.close(self._from)


class Page:
    """A tab."""

    def __init__(self, browser: Chromium, target: str, address: str) -> None:
        self.browser = browser
        self.target = target
        attached = browser.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Network", "Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", url=address)

    def ask(self, method: str, **params: Any) -> Any:
        return self.browser.ask(method, self.session, **params)

    def tell(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    @property
    def text(self) -> str:
        """What is shown."""
        return str(self.tell("document.body?.innerText ?? ''"))

    def wait(self, words: str) -> None:
        wait_for(lambda: words in self.text, f"the page shows {words!r}")

    def reload(self) -> None:
        self.ask("Page.reload")

    def click(self, name: str) -> None:
        self.tell(f"document.getElementById({name!r}).click()")

    def front(self) -> None:
        self.browser.ask("Target.activateTarget", targetId=self.target)

    def kill(self) -> None:
        """As the system kills a tab that takes too much memory: without a word."""
        self.browser.ask("Target.closeTarget", targetId=self.target)

    def picture(self, path: Path, width: int, height: int, dark: bool = False) -> None:
        """A PNG of the whole page, on a screen of that width."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        found = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def _events(self, method: str) -> list[dict[str, Any]]:
        """Those of this tab so far."""
        ours = (one for one in self.browser.events if one.get("sessionId") == self.session)
        return [one for one in ours if one["method"] == method]

    def requests(self) -> set[str]:
        """The addresses that it has asked for."""
        self.tell("1")  # What has happened so far is read with the answer.
        return {
            str(one["params"]["request"]["url"])
            for one in self._events("Network.requestWillBeSent")
        }

    def complaints(self) -> list[str]:
        """Errors in its console, such as what its policy forbids."""
        self.tell("1")
        entries = [one["params"]["entry"] for one in self._events("Log.entryAdded")]
        return [str(one["text"]) for one in entries if one["level"] == "error"]


class Firefox:
    """Debian's Firefox, which opens one address."""

    def __init__(self, folder: Path, address: str) -> None:
        root = fetched("firefox-esr")
        (folder / "profile").mkdir(parents=True)
        env = {**os.environ, **environment(root, folder), "HOME": str(folder)}
        words = [str(root / "usr/lib/firefox-esr/firefox-esr"), "--headless", "--no-remote"]
        self.process = subprocess.Popen(
            [*words, "--profile", str(folder / "profile"), address],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
