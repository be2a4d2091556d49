"""An iPhone, reached through Apple's devicectl; the sample app carries out plans.

Not verified on hardware: written from devicectl's help and the JSON it prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from edgebench.deploy.app.session import SILENCE_S, Session, greeting
from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice, CheckStep
from edgebench.deploy.device.lock import locked
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import plan_hash
from edgebench.deploy.remote.reconnect import RECONNECT_S, run_with_reconnect
from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.deploy.transports.apple.app import IPhoneApp
from edgebench.deploy.transports.apple.devicectl import NOT_PAIRED
from edgebench.deploy.transports.apple.phones import ListedIPhone, phones
from edgebench.errors import DeviceError
from edgebench.progress import Progress

BUNDLE = "org.edgebench.app"
POLL_S = 5.0


class IPhone:
    """See `edgebench.deploy.device.interface.Device`."""

    formats = ("coreml",)

    def __init__(
        self,
        entry: DeviceEntry,
        *,
        poll_s: float = POLL_S,
        silence_s: float = SILENCE_S,
        reconnect_s: float = RECONNECT_S,
    ) -> None:
        self.entry = entry
        self.name = entry.name
        self.description = entry.description
        self.bundle = entry.app or BUNDLE
        self.poll_s = poll_s
        self.silence_s = silence_s
        self.reconnect_s = reconnect_s
        self._sent: set[str] = set()

    @property
    def identity(self) -> str:
        return self.phone().udid

    def phone(self) -> ListedIPhone:
        """The phone that is meant. Raises `DeviceError` if there is none or more than one."""
        known = phones()
        entry = self.entry
        if entry.serial:
            found = [one for one in known if entry.serial in (one.udid, one.identifier)]
        else:
            found = [one for one in known if one.product_type in entry.match]
        ready = [one for one in found if one.problem() is None]
        if len(ready or found) == 1:
            return (ready or found)[0]
        if found:
            names = ", ".join(f"{one.name} ({one.udid})" for one in found)
            raise DeviceError(
                f"several phones may be {self.name}: {names}",
                f"name the one to use: edgebench devices add NAME --like {self.name} --serial "
                f"{found[0].udid}",
            )
        wanted = entry.serial or " or ".join(entry.match)
        others = ", ".join(f"{one.name} is {one.product_type}" for one in known)
        raise DeviceLostError(
            f"no {self.name} ({wanted}) is known to this Mac{f'; {others}' if others else ''}",
            NOT_PAIRED.remedy,
        )

    def problem(self) -> DeviceError | None:
        """Why it cannot be used now."""
        try:
            return self.phone().problem()
        except DeviceError as error:
            return error

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """See `Device.reserved`."""
        with locked(self.identity, self.name):
            problem = self.problem()
            if problem is not None:
                raise problem
            try:
                yield
            finally:
                if not self.entry.keep:
                    with suppress(DeviceError):  # Not connected: the next use cleans up.
                        self._app("").clear()
                        self._sent.clear()

    def run(self, folder: Path, progress: Progress) -> RunResult:
        """See `Device.run`. Waits if the connection is lost."""

        def execute() -> None:
            app = self._app(plan_hash(folder)[:16])
            app.require_installed()
            app.send_plan(folder, self._sent, progress)
            Session(app, folder, progress, self.silence_s).execute()

        return run_with_reconnect(execute, self.problem, folder, progress, self.reconnect_s)

    def clean(self) -> str:
        """See `Cleanable.clean`."""
        with locked(self.identity, self.name):
            self._app("").clear()
        return f"removed the files of edgebench in its app on {self.name}"

    def check(self) -> Iterator[CheckStep]:
        """See `Device.check`."""
        steps = {
            "found": self._found,
            "usable": self._usable,
            "disk image": self._image,
            "app": self._installed,
            "contract": self._contract,
        }
        for name, one in steps.items():
            try:
                step = one(name)
            except DeviceError as error:
                step = CheckStep(name, "missing", error.message, error.remedy)
            yield step
            if step.state == "missing":
                return

    def _found(self, step: str) -> CheckStep:
        phone = self.phone()
        return CheckStep(step, "ok", f"{phone.name}, {phone.product_type}, {phone.system}")

    def _usable(self, step: str) -> CheckStep:
        problem = self.phone().problem()
        if problem is not None:
            raise problem
        return CheckStep(step, "ok", "paired with this Mac, Developer Mode on")

    def _image(self, step: str) -> CheckStep:
        if self.phone().image_mounted:
            return CheckStep(step, "ok", "the developer disk image is mounted")
        return CheckStep(
            step,
            "note",
            "the developer disk image is not mounted yet; it is mounted when needed",
            "unlock the phone if that fails",
        )

    def _installed(self, step: str) -> CheckStep:
        app = self._app("hello")
        return CheckStep(step, "ok", f"{app.bundle} {app.require_installed()}")

    def _contract(self, step: str) -> CheckStep:
        with locked(self.identity, self.name):  # Starting the app would end a run that is going on.
            app = self._app("hello")
            found = greeting(app)
            if not self.entry.keep:
                app.clear()
            return found

    def _app(self, run: str) -> IPhoneApp:
        phone = self.phone()
        return IPhoneApp(phone.identifier, self.name, self.bundle, run, self.poll_s)


def device(entry: DeviceEntry) -> IPhone:
    """The iPhone of an entry. It is searched when it is used."""
    return IPhone(entry)


def attached(entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    """The iPhones that this Mac knows, by their entries. Raises `DeviceError`."""
    return [
        AttachedDevice(
            next((one.name for one in entries if _is_meant(one, phone)), None),
            phone.udid,
            problem.message if (problem := phone.problem()) else "ready",
            phone.product_type,
        )
        for phone in phones()
    ]


def unavailable(entry: DeviceEntry) -> DeviceError | None:
    return None


def _is_meant(entry: DeviceEntry, phone: ListedIPhone) -> bool:
    if entry.serial:
        return entry.serial in (phone.udid, phone.identifier)
    return phone.product_type in entry.match
