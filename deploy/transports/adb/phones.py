"""Which of the attached phones is meant, and why it cannot be used if so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgebench.deploy.device.entry import DeviceEntry, user_file
from edgebench.deploy.device.interface import AttachedDevice
from edgebench.deploy.remote.shell import END, DeviceLostError
from edgebench.deploy.transports.adb import client
from edgebench.deploy.transports.adb.client import AdbPhone
from edgebench.errors import DeviceError

ASK_S = 10.0

TURN_ON = (
    "connect it with a data cable, and turn on USB debugging on it: tap Settings > About phone > "
    "Build number seven times, then switch on Settings > System > Developer options > USB debugging"
)

NETWORK = (
    "make sure that it is on and in the same network; if its screen shows another port under "
    "Wireless debugging, correct its `serial` in {}"
)

STATES = {
    "unauthorized": (
        "does not trust this computer yet",
        "unlock the phone and accept 'Allow USB debugging' on its screen; if it does not ask, "
        "unplug it and plug it in again",
    ),
    "authorizing": (
        "is being asked whether it trusts this computer",
        "unlock the phone and accept 'Allow USB debugging' if it asks, then try again",
    ),
    "offline": (
        "is offline: adb lists it, but it does not answer",
        "unplug it and plug it in again; if that does not help, restart the phone",
    ),
    "connecting": (
        "is connecting",
        "wait a moment and try again; if that does not help, unplug it and plug it in again",
    ),
    "no permissions": (
        "may not be used by this user over USB",
        "install the rules that allow it (Debian, Ubuntu: sudo apt install "
        "android-sdk-platform-tools-common), then plug it in again",
    ),
}
"""What adb's words for a phone that is not ready mean, and what to do."""


@dataclass(frozen=True)
class Identity:
    """The facts of a ready phone: codename, model, Android's version, its own serial.

    `boot_animation` is "running" while it starts and its services do not answer yet.
    """

    codename: str
    model: str
    android: str
    serial: str
    boot_animation: str

    def is_one_of(self, match: Iterable[str]) -> bool:
        names = {_plain(self.codename), _plain(self.model)}
        return any(_plain(one) in names for one in match)

    def __str__(self) -> str:
        return f"{self.model or 'a phone without a name'} ({self.codename or 'no codename'})"


PROPERTIES = (
    "ro.product.device",
    "ro.product.model",
    "ro.build.version.release",
    "ro.serialno",
    "init.svc.bootanim",
)
"""Android's properties, in the order of the fields of `Identity`."""


def identify(phone: AdbPhone) -> Identity:
    """Ask a ready phone for its facts. Raises `DeviceLostError`, also while it starts."""
    lost = DeviceLostError(
        f"the phone with serial {phone.serial} does not answer", STATES["offline"][1]
    )
    # With names, because a missing property is an empty line or, on some systems, no line.
    questions = "; ".join(f'echo "{name}=$(getprop {name})"' for name in PROPERTIES)
    try:
        said = client.ask(phone.serial, f"{questions}; echo {END}", ASK_S)
    except DeviceError as error:
        raise lost from error
    lines = [line.strip() for line in said.splitlines()]
    if END not in lines:
        raise lost  # It was cut off, and half of an answer could be that of another phone.
    told = dict(line.split("=", 1) for line in lines if "=" in line)
    identity = Identity(*(told.get(name, "").strip() for name in PROPERTIES))
    if identity.boot_animation == "running":
        raise DeviceLostError(
            f"the phone with serial {phone.serial} is starting",
            "wait until it shows its lock screen",
        )
    return identity


def find(name: str, match: Sequence[str], serial: str | None) -> tuple[AdbPhone, Identity]:
    """The phone that is meant: the one with that serial, or the only ready phone that matches.

    Raises `DeviceError`; a `DeviceLostError` if waiting or a cable may help.
    """
    listed = client.phones()
    if serial is not None:
        return _by_serial(name, match, serial, listed)
    known, silent = [], []
    for phone in listed:
        try:
            known += [(phone, identify(phone))] if phone.ready else []
        except DeviceLostError as error:
            silent.append(error)
    fitting = [one for one in known if not match or one[1].is_one_of(match)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        serials = [phone.serial for phone, _ in fitting]
        raise DeviceError(
            f"{len(serials)} phones that may be {name} are attached: serials {', '.join(serials)}",
            f"choose one with ANDROID_SERIAL={serials[0]}, or give each a name: "
            f"edgebench devices add my-{name} --like {name} --serial {serials[0]}",
        )
    silent += [not_ready(phone) for phone in listed if not phone.ready]
    if silent:
        raise silent[0]
    if known:
        others = ", ".join(f"{identity}, serial {phone.serial}" for phone, identity in known)
        raise DeviceError(
            f"no {name} is attached, but {others}",
            f"attach the {name}, or use the name of the attached phone: see edgebench devices",
        )
    raise DeviceLostError(f"no phone is attached, so {name} is not found", TURN_ON)


def _by_serial(
    name: str, match: Sequence[str], serial: str, listed: Sequence[AdbPhone]
) -> tuple[AdbPhone, Identity]:
    phone = next((one for one in listed if one.serial == serial), None)
    if ":" in serial and (phone is None or phone.state == "offline"):
        client.connect(serial, stale=phone is not None)
        phone = next((one for one in client.phones() if one.serial == serial), None)
    if phone is None:
        how = NETWORK.format(user_file()) if ":" in serial else "plug it in"
        raise DeviceLostError(f"{name} (serial {serial}) is not attached", how)
    if not phone.ready:
        raise not_ready(phone)
    identity = identify(phone)
    if match and not identity.is_one_of(match):
        raise DeviceError(
            f"the phone with serial {serial} is {identity}, not {name}",
            "attach the right one, or use its own name: see edgebench devices",
        )
    return phone, identity


def not_ready(phone: AdbPhone) -> DeviceLostError:
    """Why a phone that is listed cannot be used."""
    mode = (f"is in the mode '{phone.state}'", "restart the phone")
    what, remedy = STATES.get(phone.state, mode)
    return DeviceLostError(f"the phone with serial {phone.serial} {what}", remedy)


def attached(entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    """The phones that adb sees, once for each entry that matches, entries with their serial first.

    Raises `DeviceError` if adb is missing or cannot be used.
    """
    # The user's name for this phone comes before the name of its model.
    known = sorted(entries, key=lambda entry: entry.serial is None)
    return [found for phone in client.phones() for found in _attached(phone, known)]


def _attached(phone: AdbPhone, entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    state, model = "ready", ""
    fitting: list[str | None] = [one.name for one in entries if one.serial == phone.serial]
    if phone.ready:
        try:
            identity = identify(phone)
        except DeviceLostError as error:
            state = error.message
        else:
            model = identity.codename or identity.model
            fitting += [
                entry.name
                for entry in entries
                if not entry.serial and identity.is_one_of(entry.match)
            ]
    else:
        state = STATES.get(phone.state, (f"is in the mode '{phone.state}'", ""))[0]
    return [AttachedDevice(name, phone.serial, state, model) for name in fitting or [None]]


def _plain(name: str) -> str:
    """A name as it is compared: adb writes Pixel_7 where the phone says Pixel 7."""
    return re.sub(r"\W", "_", name).lower()
