"""A session with the sample app: start it as often as a run takes, and keep what it tells."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from edgebench.deploy.app.contract import CONTRACT, App, Begin, End, Hello, Line, News
from edgebench.deploy.changes import Changes, speaking_for_errors
from edgebench.deploy.device import Step
from edgebench.deploy.runner.messages import Audience
from edgebench.deploy.runner.parent import failed_block
from edgebench.deploy.runner.result import Result
from edgebench.deploy.staging import RESULT, plan_hash, read_plan
from edgebench.errors import DeviceError
from edgebench.progress import Progress

SILENCE_S = 600.0
"""An app that says nothing for so long hangs: a block takes seconds."""

GREETING_S = 20.0
"""How long a phone may take to open the app."""


def greeting(app: App) -> Step:
    """Whether the app keeps the contract, from what it says when it finds no plan."""
    app.start(None)
    end = time.monotonic() + GREETING_S
    text = ""
    while "\n" not in text and time.monotonic() < end:
        time.sleep(app.poll_s)
        text = app.news(0).text
    app.stop()
    try:
        hello = msgspec.json.decode(text.partition("\n")[0], type=Line).hello
    except msgspec.DecodeError:
        hello = None
    if hello is None or hello.contract != CONTRACT:
        found = f"it keeps {hello.contract}" if hello else f"it said nothing in {GREETING_S:.0f} s"
        return Step("contract", "missing", f"{found}; this needs {CONTRACT}", app.install)
    return Step("contract", "ok", f"{hello.contract}, kept by version {hello.app}")


class Session:
    """One run with the app: started as often as it takes, heard, and stopped in the end."""

    def __init__(
        self, app: App, folder: Path, progress: Progress, silence_s: float = SILENCE_S
    ) -> None:
        self.app = app
        self.folder = folder
        self.silence_s = silence_s
        self.result = Result(str(folder / RESULT), plan_hash(folder), Audience())
        self.changes = Changes(folder, self.result, progress)
        self.offset = 0
        self.doing: Begin | None = None

    def carry_out(self) -> None:
        """Go on with the run until it is done, or stopped by Ctrl-C.

        Raises `DeviceLostError` and `DeviceError`, with all that came kept.
        """
        with speaking_for_errors():
            self.app.stop()
            self._catch_up()
            self._forget_errors()
            try:
                while not self._one_start():
                    pass
            except KeyboardInterrupt:
                self.changes.quiet = True
                self.app.stop()
                self._catch_up()

    def _catch_up(self) -> None:
        """Take what an app wrote while nobody heard it."""
        known = (self.folder / RESULT).exists()
        for text in self._lines(self.app.news(self.offset)):
            if known:  # Who removed the result wants it measured anew.
                self._heed(text)

    def _forget_errors(self) -> None:
        """What failed is tried again by a new session, and by none of its starts."""
        body = self.result.body
        found = body["evaluations"].items()
        body["evaluations"] = {slot: one for slot, one in found if not one["error"]}
        body["blocks"] = [one for one in body["blocks"] if not one["error"]]

    def _one_start(self) -> bool:
        """Start the app and hear it to the end: whether the run is done."""
        self.result.write()
        self.app.start(self.folder / RESULT)
        self.doing = None
        end = self._heard()
        if isinstance(end, str):
            self._blame(end)
            return False
        if end.status in ("failed", "stopped"):
            raise DeviceError(
                f"{self.app.where} {end.status}: {end.reason or 'it did not say why'}",
                f"what was measured is kept in {self.folder}; go on with --resume",
            )
        return end.status == "done"

    def _heard(self) -> End | str:
        """Follow one start: how it ended, or what became of it where it did not say."""
        greeted = False
        last = time.monotonic()
        while True:
            news = self.app.news(self.offset)
            for text in self._lines(news):
                last = time.monotonic()
                line = self._heed(text)
                if not greeted:
                    self._greet(line.hello)
                    greeted = True
                self.doing = line.begin or self.doing
                if line.end is not None:
                    return line.end
            if not news.running:
                return "it was gone without a word: it crashed, or the system ended it"
            if time.monotonic() - last > self.silence_s:
                self.app.stop()
                return f"it said nothing for {self.silence_s:.0f} s and was stopped"
            time.sleep(self.app.poll_s)

    def _lines(self, news: News) -> list[str]:
        """The whole lines of news; what comes after them is looked at again."""
        whole, newline, _ = news.text.rpartition("\n")
        self.offset += len((whole + newline).encode())
        return whole.split("\n") if newline else []

    def _heed(self, text: str) -> Line:
        """Apply one line. Raises `DeviceError` for one that breaks the contract."""
        try:
            line = msgspec.json.decode(text, type=Line)
        except msgspec.DecodeError as error:  # A `ValidationError` is one too.
            raise self._broken(f"wrote a line that is not of the contract ({error})") from error
        self.changes.heed(text)
        return line

    def _greet(self, hello: Hello | None) -> None:
        """Raises `DeviceError` for an app of another contract."""
        if hello is None or hello.contract != CONTRACT:
            raise self._broken(f"keeps {hello.contract if hello else 'no contract that it names'}")

    def _broken(self, what: str) -> DeviceError:
        """The app is stopped: nothing that it measures could be trusted."""
        self.app.stop()
        return DeviceError(
            f"{self.app.where} {what}; this edgebench needs {CONTRACT}",
            f"install the app of this edgebench's version: {self.app.install}",
        )

    def _blame(self, reason: str) -> None:
        """Say of the job that the app was at that it failed, so that the rest goes on."""
        if self.doing is None:
            raise DeviceError(
                f"{self.app.where} did nothing: {reason}",
                "open the app by hand once and see what it says; then go on with --resume",
            )
        error = f"the app failed: {reason}"
        if self.doing.kind == "block":
            blocks = read_plan(self.folder).blocks
            block = next((one for one in blocks if one.index == self.doing.index), None)
            if block is None:
                raise self._broken(f"began block {self.doing.index}, which the plan has not")
            self.result.change(block=failed_block(msgspec.to_builtins(block), error))
            return
        slot = self.doing.slot
        done = self.result.body["evaluations"].get(slot)
        found = {**done, "profile": None} if done else {"error": error}
        self.result.change(evaluations={slot: found})
