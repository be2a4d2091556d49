"""The transports: the ways to reach a device, one row each.

To add one, write a package beside this file that has the three functions of `TransportPackage`, add
a row to `ROWS`, and name it in the transports' `layers` contract in pyproject.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from edgebench.deploy.device.entry import DeviceEntry
    from edgebench.deploy.device.interface import AttachedDevice, Device
    from edgebench.errors import DeviceError


class TransportPackage(Protocol):
    """The functions of a transport's package. None of them connects to a network."""

    def device(self, entry: DeviceEntry) -> Device:
        """The device of an entry. It is connected to when it is used."""
        ...

    def attached(self, entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
        """The devices that are attached to this machine now, whether or not they are in `entries`.

        Raises `DeviceError` if the program that lists them is missing or fails.
        """
        ...

    def unavailable(self, entry: DeviceEntry) -> DeviceError | None:
        """Why the device of an entry cannot be used at all yet, such as a missing address."""
        ...


@dataclass(frozen=True)
class Transport:
    """One way to reach a device.

    name: the value of `transport` in a device's entry.
    package: imports the package. Packages may be slow to import, so this is a function.
    fields: the fields of an entry that some transports do not use, and this one does.
    shown_as, absent, unavailable: words in the list of devices: how such a device is reached, its
        state if it is not attached, and its state if the package says that it is unavailable.
    can_add: whether `edgebench devices add` makes such devices.
    implied_by: the fields that mean this transport where `devices add` gets no other hint.
    dedicated: nobody works at such a device. Runs wait for it to cool down (a machine that is in
        use is as warm as that use makes it), and use its fastest cores by default.
    has_latency: whether the times of such a device mean anything.
    usual_format: the format that is measured on such a device where none is named.
    in_registry: whether entries may use it.
    """

    name: str
    package: Callable[[], TransportPackage]
    fields: frozenset[str]
    shown_as: str
    absent: str = "ready"
    unavailable: str = ""
    can_add: bool = False
    implied_by: tuple[str, ...] = ()
    dedicated: bool = False
    has_latency: bool = True
    usual_format: str = "tflite"
    in_registry: bool = True


def _local() -> TransportPackage:
    from edgebench.deploy.transports import local

    return local


def _adb() -> TransportPackage:
    from edgebench.deploy.transports import adb

    return adb


def _ssh() -> TransportPackage:
    from edgebench.deploy.transports import ssh

    return ssh


def _emulated() -> TransportPackage:
    from edgebench.deploy.transports import emulated

    return emulated


def _hexagon() -> TransportPackage:
    from edgebench.deploy.transports import hexagon

    return hexagon


def _devicectl() -> TransportPackage:
    from edgebench.deploy.transports.apple import iphone

    return iphone


def _mac() -> TransportPackage:
    from edgebench.deploy.transports.apple import mac

    return mac


def _browser() -> TransportPackage:
    from edgebench.deploy.transports import browser

    return browser


def _simulated() -> TransportPackage:
    from edgebench.deploy.transports import simulated

    return simulated


ROWS = (
    Transport("local", _local, frozenset({"python"}), shown_as="here"),
    Transport(
        "adb",
        _adb,
        frozenset(
            {
                *("match", "serial", "runner", "python", "benchmark_model", "app", "home", "keep"),
                *("soc_model", "app_formats"),
            }
        ),
        shown_as="adb",
        absent="absent",
        unavailable="needs adb",
        can_add=True,
        implied_by=("serial", "match"),
        dedicated=True,
    ),
    Transport(
        "ssh",
        _ssh,
        frozenset({"match", "host", "python", "home", "keep"}),
        shown_as="ssh",
        absent="not asked",  # That would connect to a network.
        unavailable="needs host",
        can_add=True,
        implied_by=("host",),
        dedicated=True,
    ),
    Transport(
        "devicectl",
        _devicectl,
        frozenset({"match", "serial", "app", "keep"}),
        shown_as="Xcode",
        absent="absent",
        unavailable="needs Mac",
        can_add=True,
        usual_format="coreml",
    ),
    Transport("mac", _mac, frozenset({"python"}), shown_as="here", unavailable="needs Mac"),
    Transport(
        "emulated",
        _emulated,
        frozenset(),
        shown_as="here",
        unavailable="unprepared",
        has_latency=False,
    ),
    Transport(
        "hexagon",
        _hexagon,
        frozenset({"soc_model"}),
        shown_as="here",
        unavailable="needs qnn",
        has_latency=False,
    ),
    Transport(
        "browser",
        _browser,
        frozenset(),
        shown_as="a page",
        absent="ready",
        unavailable="unprepared",
    ),
    Transport("simulated", _simulated, frozenset(), shown_as="here", in_registry=False),
)

TRANSPORTS = {row.name: row for row in ROWS}

OPTIONAL_FIELDS = frozenset().union(*(row.fields for row in ROWS))
"""The fields of an entry that not every transport uses."""


def misplaced_field(entry: DeviceEntry) -> str | None:
    """A message about a field that an entry's transport does not use; None if there is none."""
    for name in sorted(OPTIONAL_FIELDS - TRANSPORTS[entry.transport].fields):
        if getattr(entry, name):
            users = [row.name for row in ROWS if name in row.fields]
            return f"{name} is for {' and '.join(users)} only"
    return None
