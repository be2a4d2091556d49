"""A browser as a device: whoever opens the address lends their browser to the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgebench.deploy.device.interface import CheckStep, Invitation
from edgebench.deploy.documents.changes import STEPS
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import FILES, PLAN, RESULT
from edgebench.deploy.runner.messages import Json, Reporter, RunnerError
from edgebench.deploy.runner.scheduler import Scheduler
from edgebench.deploy.transports.browser import about, assets
from edgebench.documents import load
from edgebench.errors import DeviceError, MissingExtraError
from edgebench.progress import Progress

EXTRA = "browser"
PACKAGES = {"aiohttp": "aiohttp", "segno": "segno", "ai_edge_litert": "ai-edge-litert"}
"""What this machine needs, by the module's name."""


class BrowserDevice:
    """The browser that opens the session's address."""

    formats: tuple[str, ...] = ("tflite",)

    def __init__(self, name: str, description: str) -> None:
        self.name = name
        self.identity = f"browser {name}"
        self._description = description
        self._session: Any = None

    @property
    def description(self) -> str:
        """The browser, once it is known."""
        page = self._session.page.get("about") if self._session else None
        return f"{about.browser(page)} on {about.system(page)}" if page else self._description

    @contextmanager
    def invited(self, takes: str) -> Iterator[Invitation]:
        """See `Inviting.invited`."""
        _require_packages()
        from edgebench.deploy.transports.browser import serving

        with serving.joined(self.name) as session:
            session.show(takes=takes)
            yield serving.invitation(session)

    def shown(self, plot: Any) -> None:
        """See `Inviting.shown`."""
        if self._session is not None:
            self._session.show(plot=plot)

    def ended(self, title: str, text: str) -> None:
        """See `Inviting.ended`."""
        if self._session is not None:
            self._session.show(over={"title": title, "text": text})

    def reserved(self) -> AbstractContextManager[None]:
        """See `Device.reserved`. Another command may serve the same name; its address differs."""
        return self._joined()

    @contextmanager
    def _joined(self) -> Iterator[None]:
        _require_packages()
        from edgebench.deploy.transports.browser.serving import joined

        with joined(self.name) as session:
            self._session = session
            try:
                yield
            finally:
                session.end_job()

    def prepare(self, progress: Progress) -> None:
        """See `Preparable.prepare`."""
        assets.prepare(progress)

    def check(self) -> Iterator[CheckStep]:
        """See `Device.check`."""
        for module, package in PACKAGES.items():
            if find_spec(module) is None:
                error = MissingExtraError(package, EXTRA)
                yield CheckStep(package, "missing", error.message, error.remedy)
            else:
                yield CheckStep(package, "ok", "installed")
        if assets.prepared():
            yield CheckStep("LiteRT.js", "ok", f"{assets.VERSION}, in {assets.folder()}")
        else:
            lacking = assets.lacking()
            yield CheckStep("LiteRT.js", "missing", lacking.message, lacking.remedy)

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`."""
        from edgebench.deploy.transports.browser.worker import BrowserWorker

        plan: Json = json.loads((folder / PLAN).read_bytes())
        session = self._session
        begin = STEPS["evaluate"]
        session.show(loads_bytes=_loads(plan, folder), step=begin, done=0, total=0, detail="")
        reporter = _Shown(session, progress)
        worker = BrowserWorker(session, plan, folder / FILES, reporter.waiting)
        try:
            Scheduler(str(folder / PLAN), str(folder / RESULT), worker, reporter).run()
        except KeyboardInterrupt:
            session.end_job()
            if not (folder / RESULT).exists():
                raise
        except RunnerError as error:
            kept = (folder / RESULT).exists()
            raise DeviceError(
                f"{self.name}: {error}",
                f"the results so far are kept in {folder}; continue with --resume" if kept else "",
            ) from error
        return load(folder / RESULT, RunResult)


def _require_packages() -> None:
    """Raises `MissingExtraError` for what this machine lacks."""
    for module, package in PACKAGES.items():
        if find_spec(module) is None:
            raise MissingExtraError(package, EXTRA)


def _loads(plan: Json, folder: Path) -> int:
    """About how many bytes the page will load: one build of the runtime, and every model once."""
    runtime = sum((assets.folder() / f"{name}.gz").stat().st_size for name in assets.FILES[:2])
    files: set[str] = {one["file"] for one in plan["artifacts"].values()}
    return runtime + sum((folder / FILES / name).stat().st_size for name in files)


class _Shown(Reporter):
    """Shows a run's events as progress, here and on the page."""

    def __init__(self, session: Any, progress: Progress) -> None:
        self._session = session
        self._progress = progress

    def event(self, name: str, done: int, total: int, detail: str = "") -> None:
        step = STEPS[name] + detail
        self._session.show(step=step, done=done, total=total, detail="")
        self._progress(step, done, total)

    def waiting(self, state: str) -> None:
        self._progress(state, 0, 0)

    def say(self, text: str) -> None:
        """Shows it on the page; the result has the error, and the report shows it here."""
        self._session.show(detail=text)
