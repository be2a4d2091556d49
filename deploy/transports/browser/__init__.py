"""Browsers: a page, opened on any device, is the device. Models run in it by LiteRT.js."""

from __future__ import annotations

from collections.abc import Sequence

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice
from edgebench.deploy.transports.browser import assets
from edgebench.deploy.transports.browser.device import BrowserDevice
from edgebench.errors import DeviceError


def device(entry: DeviceEntry) -> BrowserDevice:
    """The device of an entry of the registry."""
    return BrowserDevice(entry.name, entry.description)


def attached(entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
    return []


def unavailable(entry: DeviceEntry) -> DeviceError | None:
    """Why no browser can be measured yet: LiteRT.js has to be prepared first."""
    return None if assets.prepared() else assets.lacking()
