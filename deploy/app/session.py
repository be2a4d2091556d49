"""A session with the sample app: start it as often as needed, and keep what it reports."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from edgebench.deploy.app.contract import App, AppOutput
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.documents.change_lines import CONTRACT, Begin, ChangeLine, End, Hello
from edgebench.deploy.documents.changes import Changes, translated_errors
from edgebench.deploy.documents.staging import RESULT, plan_hash, read_plan
from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.deploy.runner.messages import Reporter
from edgebench.deploy.runner.result import Result
from edgebench.deploy.runner.scheduler import failed_block
from edgebench.documents import decode
from edgebench.errors import DeviceError
from edgebench.progress import Progress

SILENCE_S = 600.0
"""An app that says nothing for so long hangs: a block takes seconds."""

GREETING_S = 20.0
"""How long a phone may take to open the app."""


def greeting(app: App, formats: tuple[str, ...] = ()) -> CheckStep:
    """Check that the app implements the contract, from its answer when it finds no plan.

    `formats` are those that it is expected to run.
    """
    app.start(None)
    end = time.monotonic() + GREETING_S
    text = ""
    while "\n" not in text and time.monotonic() < end:
        time.sleep(app.poll_s)
        text = app.read_output(0).text
    app.stop()
    try:
        hello = decode(text.partition("\n")[0], ChangeLine).hello
    except msgspec.DecodeError:
        hello = None
    if hello is None or hello.contract != CONTRACT:
        found = (
            f"it follows {hello.contract}" if hello else f"it wrote nothing in {GREETING_S:.0f} s"
        )
        return CheckStep("contract", "missing", f"{found}; this needs {CONTRACT}", app.install)
    lacking = [one for one in formats if hello.formats and one not in hello.formats]
    if lacking:
        return CheckStep(
            "contract",
            "missing",
            f"the app was built for {', '.join(hello.formats)}, not for {', '.join(lacking)}",
            "build it with edgebench.onnxruntime (android_app/README.md), or change the device's "
            "app_formats",
        )
    return CheckStep(
        "contract", "ok", f"{hello.contract}, followed by version {hello.app} of the app"
    )


class Session:
    """One run with the app: start it as often as needed, follow it, and stop it at the end."""

    def __init__(
        self, app: App, folder: Path, progress: Progress, silence_s: float = SILENCE_S
    ) -> None:
        self.app = app
        self.folder = folder
        self.silence_s = silence_s
        self.result = Result(str(folder / RESULT), plan_hash(folder), Reporter())
        self.changes = Changes(folder, self.result, progress, app.fetch)
        self.kept_back: list[str] = []
        self.offset = 0
        self.doing: Begin | None = None
        self.changed = False

    def execute(self) -> None:
        """Continue the run until it is done or stopped by Ctrl-C.

        Raises `DeviceLostError` and `DeviceError`. The results so far are kept.
        """
        with translated_errors():
            self.app.stop()
            self._catch_up()
            self._drop_errors()
            try:
                while not self._start_once():
                    pass
            except KeyboardInterrupt:
                self.changes.quiet = True
                with suppress(DeviceLostError):  # It is read when the run continues.
                    self.app.stop()
                    self._catch_up()

    def _catch_up(self) -> None:
        """Apply what an app wrote while no host was connected."""
        known = (self.folder / RESULT).exists()
        for line, text in self._lines(self.app.read_output(self.offset)):
            if known:  # The user removed the result to measure again.
                self._apply_line(line, text)
        self._apply_kept_back()

    def _drop_errors(self) -> None:
        """Let this session try failed jobs again; later starts of it do not."""
        body = self.result.body
        found = body["evaluations"].items()
        body["evaluations"] = {slot: one for slot, one in found if not one["error"]}
        body["blocks"] = [one for one in body["blocks"] if not one["error"]]

    def _start_once(self) -> bool:
        """Start the app and follow it until it ends. Returns whether the run is done."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.result.body, file)
            file.flush()
            self.app.start(Path(file.name))
        self.doing = None
        self.changed = False
        end = self._follow()
        self._apply_kept_back()
        if isinstance(end, str):
            self._record_failure(end)
            return False
        if end.status in ("failed", "stopped"):
            raise DeviceError(
                f"{self.app.where} {end.status}: {end.reason or 'it gave no reason'}",
                f"the results so far are kept in {self.folder}; continue with --resume",
            )
        self._check_end(end)
        return end.status == "done"

    def _check_end(self, end: End) -> None:
        """Raises `DeviceError` if an app claims to have done what it did not do."""
        if end.status == "again" and not self.changed:
            raise self._contract_error("did nothing, but asks to be started again")
        plan, body = read_plan(self.folder), self.result.body
        missing = len(plan.artifacts) - len(body["evaluations"])
        missing += len(plan.blocks) - len(body["blocks"])
        if end.status == "done" and missing:
            raise self._contract_error(
                f"reports that it is done, but {missing} jobs of the plan are not"
            )

    def _follow(self) -> End | str:
        """Follow one start: its `End`, or one made from what is known if the app wrote none."""
        greeted = False
        last = time.monotonic()
        while True:
            news = self.app.read_output(self.offset)
            for line, text in self._lines(news):
                last = time.monotonic()
                if line.hello is not None:
                    self._check_hello(line.hello)
                    greeted = True
                self._apply_line(line, text)
                if not greeted:
                    continue  # The last lines of a start that could not be stopped.
                self.doing = line.begin or self.doing
                if line.end is not None:
                    return line.end
            if not news.running:
                return "it ended without a message: it crashed, or the system stopped it"
            if time.monotonic() - last > self.silence_s:
                self.app.stop()
                return f"it wrote nothing for {self.silence_s:.0f} s and was stopped"
            time.sleep(self.app.poll_s)

    def _lines(self, news: AppOutput) -> Iterator[tuple[ChangeLine, str]]:
        """The whole lines of news; what comes after them is looked at again, and so is what comes
        after the line at which the run is interrupted.

        A line that an app could not finish before it was killed is not JSON and is ignored. Raises
        `DeviceError` for one that breaks the contract.
        """
        for text in news.text.split("\n")[:-1]:
            self.offset += len(text.encode()) + 1
            try:
                yield decode(text, ChangeLine), text
            except msgspec.ValidationError as error:
                raise self._contract_error(
                    f"wrote a line that does not follow the contract ({error})"
                ) from error
            except msgspec.DecodeError:
                continue

    def _apply_line(self, line: ChangeLine, text: str) -> None:
        """Apply one line. Raises `DeviceError` for a change that comes too early."""
        known = self.result.body["context"] or (line.change and line.change.context)
        if (line.begin or line.change) and not known:
            raise self._contract_error("measures before it reports its context")
        self.changed = self.changed or line.change is not None
        if line.files or (self.kept_back and line.change is not None):
            self.kept_back.append(text)
        else:
            self.changes.apply(text)

    def _apply_kept_back(self) -> None:
        """Apply the changes whose files were not fetched yet; fetching disturbs the measurement."""
        while self.kept_back:
            self.changes.apply(self.kept_back[0])
            del self.kept_back[0]

    def _check_hello(self, hello: Hello) -> None:
        """Raises `DeviceError` for an app of another contract."""
        if hello.contract != CONTRACT:
            raise self._contract_error(f"follows {hello.contract}")

    def _contract_error(self, what: str) -> DeviceError:
        """The app is stopped, because its measurements could not be trusted."""
        self.app.stop()
        return DeviceError(
            f"{self.app.where} {what}; this edgebench needs {CONTRACT}",
            f"install the app of this version of edgebench: {self.app.install}",
        )

    def _record_failure(self, reason: str) -> None:
        """Record that the app's current job failed, so that the others continue."""
        if self.doing is None:
            raise DeviceError(
                f"{self.app.where} did nothing: {reason}",
                "open the app by hand once to see its message, then continue with --resume",
            )
        error = f"the app failed: {reason}"
        if self.doing.kind == "block":
            blocks = read_plan(self.folder).blocks
            block = next((one for one in blocks if one.index == self.doing.index), None)
            if block is None:
                raise self._contract_error(
                    f"began block {self.doing.index}, which is not in the plan"
                )
            self.result.change(block=failed_block(msgspec.to_builtins(block), error))
            return
        slot = self.doing.slot
        done = self.result.body["evaluations"].get(slot)
        found = {**done, "profile": None} if done else {"error": error}
        self.result.change(evaluations={slot: found})
