"""The sample app on an Android phone: started by `am`, read through the shell.

Files use two folders that need neither root nor a permission, on Android 8 and later. The app
*reads* the run folder under /data/local/tmp, where the shell may write and every app may read
(AOSP's untrusted_app_all.te; TFLite's own benchmark app takes its models from there). It *writes*
to its own external files folder, which the shell may read. Neither writes to the other's folder: a
folder that adb makes below Android/data belongs to the shell, and from Android 11 on the app cannot
open it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgebench.deploy.app.contract import AppOutput
from edgebench.deploy.app.session import SILENCE_S, Session, greeting
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.documents.change_lines import CHANGES, CONTRACT
from edgebench.deploy.documents.staging import FILES, PLAN, RESULT, plan_hash
from edgebench.deploy.remote.shell import DeviceLostError, Shell, quoted
from edgebench.deploy.remote.store import Store
from edgebench.errors import DeviceError
from edgebench.progress import Progress, silent

PACKAGE = "org.edgebench.app"
FORMATS = ("tflite",)
"""Those that every build of it runs."""

ACTIVITY = "org.edgebench.app.BenchmarkActivity"
"""Its class keeps its name where the package is built under another."""
EXTERNAL = '"${EXTERNAL_STORAGE:-/sdcard}"/Android/data'
"""Where apps have their external files, as a word of the phone's shell."""

POLL_S = 2.0


@dataclass(frozen=True)
class AndroidApp:
    """The app with one run folder; see `edgebench.deploy.app.contract.App`."""

    store: Store
    run: str
    package: str
    poll_s: float

    @property
    def shell(self) -> Shell:
        return self.store.shell

    @property
    def where(self) -> str:
        return f"the app {self.package} on {self.shell.name}"

    @property
    def install(self) -> str:
        return "build and install it: see android_app/README.md (then: adb install -r APK)"

    @property
    def own(self) -> str:
        """The app's own folder with all runs, as a word of the phone's shell."""
        return f"{EXTERNAL}/{quoted(self.package)}/files/edgebench"

    @property
    def own_run(self) -> str:
        """Its folder of this run."""
        return f"{self.own}/{PurePosixPath(self.run).name}"

    @property
    def changes(self) -> str:
        return f"{self.own_run}/{CHANGES}"

    def require_installed(self) -> str:
        """The path of its package. Raises `DeviceError` if it is not installed."""
        answer = self.shell.run(f"pm path {quoted(self.package)}")
        if not answer.stdout.startswith("package:"):
            raise DeviceError(f"{self.where} is not installed", self.install)
        return answer.stdout.splitlines()[0].removeprefix("package:")

    def start(self, result: Path | None) -> None:
        """See `App.start`."""
        self.store.run_folder(PurePosixPath(self.run).name)
        if result is not None:
            self.store.send({RESULT: result}, self.run, silent)
        self.shell.check_output(f"chmod -R a+rX {quoted(self.store.home)}")
        said = self.shell.run(
            f"am start -W -n {quoted(f'{self.package}/{ACTIVITY}')} "
            f"--es contract {CONTRACT} --es run {quoted(self.run)}"
        )
        # `am` reports failures on stdout or stderr, and many versions still exit with 0.
        lines = (said.stdout + said.stderr).splitlines()
        wrong = [line for line in lines if line.startswith(("Error", "java.lang.", "Exception"))]
        if wrong or said.status != 0:
            raise DeviceError(
                f"{self.where} does not start: {wrong[-1] if wrong else said.reason}",
                f"make sure that the app belongs to this version of edgebench: {self.install}",
            )

    def stop(self) -> None:
        """See `App.stop`."""
        self.shell.check_output(f"am force-stop {quoted(self.package)}")

    def running(self) -> bool:
        return self.shell.run(f"pidof {quoted(self.package)}").status == 0

    def read_output(self, offset: int) -> AppOutput:
        """See `App.read_output`.

        The file is read each time, because notifications of changes do not pass the layer that
        shows an app's folder to others. Whether the app runs is asked first, so that its last lines
        are not missed.
        """
        said = self.shell.check_output(
            f"pidof {quoted(self.package)} >/dev/null && echo running || echo gone; "
            f"tail -c +{offset + 1} {self.changes} 2>/dev/null; true"
        )
        state, _, text = said.partition("\n")
        return AppOutput(text, state == "running")

    def fetch(self, name: str, target: Path, size_bytes: int) -> None:
        """See `App.fetch`."""
        self.shell.fetch(f"{self.own_run}/{quoted(name)}", target, size_bytes)

    def tidy(self) -> None:
        """Remove what it wrote for any run. Raises `DeviceError`."""
        self.shell.check_output(f"rm -rf {self.own}")


class AppRunner:
    """Runs plans in the sample app's benchmark activity, of the formats that it was built for."""

    def __init__(
        self,
        package: str = PACKAGE,
        poll_s: float = POLL_S,
        silence_s: float = SILENCE_S,
        formats: tuple[str, ...] = FORMATS,
    ) -> None:
        self.package = package
        self.poll_s = poll_s
        self.silence_s = silence_s
        self.formats = formats

    def execute(self, store: Store, folder: Path, progress: Progress) -> None:
        """See `Runner.execute`."""
        app = self._app(store, plan_hash(folder)[:16])
        app.require_installed()
        store.run_folder(PurePosixPath(app.run).name)
        store.send_files(folder / FILES, progress)
        store.send({PLAN: folder / PLAN}, app.run, progress)
        try:
            Session(app, folder, progress, self.silence_s).execute()
        except DeviceLostError:
            raise  # What it has written since then is still to be read.
        except DeviceError:
            with suppress(DeviceError):
                app.tidy()
            raise
        app.tidy()

    def check(self, store: Store) -> Iterator[CheckStep]:
        """See `Runner.check`.

        With a run folder without a plan, the app writes its `hello` line and ends.
        """
        app = self._app(store, "hello")
        try:
            yield CheckStep("app", "ok", f"{app.package} in {app.require_installed()}")
        except DeviceError as error:
            yield CheckStep("app", "missing", error.message, error.remedy)
            return
        if app.running():
            yield CheckStep("contract", "note", "the app is in use, so it was not asked")
            return
        yield greeting(app, self.formats)
        app.tidy()
        store.shell.check_output(f"rm -rf {quoted(app.run)}")

    def _app(self, store: Store, run: str) -> AndroidApp:
        return AndroidApp(store, f"{store.home}/runs/{run}", self.package, self.poll_s)
