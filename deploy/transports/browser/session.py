"""A session: one address, one browser that opens it, and the questions that it is asked.

The server's thread calls what is under "the server's side"; the thread of the run calls the rest.
A question has one answer. If the page is reloaded, hidden or cut off before it answers, the
question is `Interrupted`, and the run asks again when the page is back.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from edgebench.deploy.runner.messages import Json

LARGEST_ANSWER = 1 << 26
"""64 MiB: the outputs of one input are the largest thing that a page sends."""

SILENCE_S = 600.0
"""A page that does not answer for so long hangs: a block takes seconds."""

POLL_S = 0.25


class Interrupted(Exception):
    """The page went away, or was put aside, before it answered."""


class Refused(Exception):
    """The page cannot do what it was asked for; it says why."""


class Died(Exception):
    """The page's worker ended by itself; it says of what."""


class PageLink(Protocol):
    """A connection to a page. Both may be called from any thread."""

    def send(self, message: Json | bytes) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class BrowserSession:
    """What the run and the server share about one browser. `name` is the device's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.token = secrets.token_urlsafe(16)
        self.files: dict[str, Path | bytes] = {}
        self.page: Json = {}
        self.view: Json = {}
        self._link: PageLink | None = None
        self._changed = threading.Condition()
        self._interruptions = 0
        self._asked = 0
        self._answer: Json | bytes | None = None

    # The run's side.

    @property
    def usable(self) -> bool:
        """Whether a page is there, in front, and the user started it."""
        return bool(self._link and self.page.get("started") and self.page.get("visible"))

    @property
    def state(self) -> str:
        """What is waited for, for people."""
        if self._link is None:
            return "waiting for the browser" if not self.page else "waiting for the browser again"
        if not self.page.get("started"):
            return "waiting for Start to be tapped in the browser"
        return "waiting until the page is in front again"

    def wait(self, heard: Callable[[str], None]) -> None:
        """Wait until the page can be asked; `heard` is told what is waited for, again and again."""
        while True:
            with self._changed:
                if self.usable:
                    return
                self._changed.wait(POLL_S)
                if self.usable:
                    return
            heard(self.state)

    def ask(self, request: Json | bytes) -> Any:
        """The answer to a request of `page/worker.js`: JSON or bytes.

        Raises `Interrupted`, `Refused` and `Died`.
        """
        with self._changed:
            if not self.usable or self._link is None:
                raise Interrupted
            link, before = self._link, self._interruptions
            self._asked += 1
            self._answer = None
            number = self._asked
        prefix = number.to_bytes(4, "little")
        link.send(prefix + request if isinstance(request, bytes) else {"id": number, **request})
        end = time.monotonic() + SILENCE_S
        with self._changed:
            while self._answer is None:
                if self._interruptions != before:
                    raise Interrupted
                if time.monotonic() > end:
                    raise Died(f"the page did not answer for {SILENCE_S:.0f} s")
                self._changed.wait(POLL_S)
            answer = self._answer
        if isinstance(answer, bytes):
            return answer
        if "interrupted" in answer:  # It was over before this was asked.
            raise Interrupted
        if "died" in answer:
            raise Died(str(answer["died"]))
        if "error" in answer:
            raise Refused(str(answer["error"]))
        return answer["ok"]

    def end_job(self) -> None:
        """End the page's worker, if there is one."""
        link = self._link
        if link is not None:
            link.send({"do": "end"})

    def show(self, **news: Any) -> None:
        """Show something on the page, now and whenever it connects."""
        self.view = {**self.view, **news}
        link = self._link
        if link is not None:
            link.send({"view": news})

    # The server's side.

    @property
    def link(self) -> PageLink | None:
        return self._link

    def connected(self, link: PageLink) -> None:
        """A page is there. It takes the place of one before it."""
        link.send({"welcome": True, "view": self.view})
        with self._changed:
            self._interruptions += 1
            self._link = link
            self.page = {**self.page, "started": False}
            self._changed.notify_all()

    def disconnected(self, link: PageLink) -> None:
        with self._changed:
            if self._link is link:
                self._interruptions += 1
                self._link = None
                self._changed.notify_all()

    def heard(self, message: Json | bytes) -> None:
        """Something came from the page. Raises `ValueError` for what makes no sense."""
        with self._changed:
            if isinstance(message, bytes):
                if int.from_bytes(message[:4], "little") == self._asked:
                    self._answer = message[4:]
            elif isinstance(page := message.get("page"), dict):
                self.page = page
                if not self.usable:
                    self._interruptions += 1
            elif "died" in message or message.get("id") == self._asked:
                self._answer = message
            elif not isinstance(message.get("id"), int):
                raise ValueError("it sent a message without a meaning")
            self._changed.notify_all()
