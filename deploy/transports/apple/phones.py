"""The iPhones that a Mac knows, as devicectl lists them. Not verified on hardware."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgebench.deploy.transports.apple import devicectl
from edgebench.deploy.transports.apple.devicectl import DEVELOPER_MODE, NOT_CONNECTED, NOT_PAIRED
from edgebench.errors import DeviceError


@dataclass(frozen=True)
class ListedIPhone:
    """An iPhone as devicectl lists it; a field is None if it is not reported."""

    identifier: str
    udid: str
    name: str
    product_type: str
    system: str
    paired: bool
    connected: bool
    developer_mode: bool | None
    image_mounted: bool | None

    def problem(self) -> DeviceError | None:
        """Why it cannot be used now."""
        if not self.paired:
            return NOT_PAIRED.of(self.name)
        if not self.connected:
            return NOT_CONNECTED.of(self.name)
        if self.developer_mode is False:
            return DEVELOPER_MODE.of(self.name)
        return None


def phones() -> list[ListedIPhone]:
    """The iPhones that this Mac knows, connected or not. Raises `DeviceError`."""
    listed = devicectl.call("this Mac", "list", "devices", "--timeout", "5").get("devices", [])
    return [_phone(one) for one in listed if _is_phone(one.get("hardwareProperties", {}))]


def _is_phone(hardware: dict[str, Any]) -> bool:
    """Newer versions list simulators too."""
    real = hardware.get("reality", "physical") == "physical"
    return real and str(hardware.get("productType", "")).startswith("iPhone")


def _phone(listed: dict[str, Any]) -> ListedIPhone:
    hardware, device, connection = (
        listed.get(f"{group}Properties", {}) for group in ("hardware", "device", "connection")
    )
    mode = device.get("developerModeStatus")
    return ListedIPhone(
        identifier=listed["identifier"],
        udid=hardware.get("udid", listed["identifier"]),
        name=device.get("name", "the iPhone"),
        product_type=hardware["productType"],
        system=f"iOS {device.get('osVersionNumber', 'of no known version')}",
        paired=connection.get("pairingState") == "paired",
        # "disconnected" only means that no tunnel is open; devicectl opens one when needed.
        connected=connection.get("tunnelState") != "unavailable",
        developer_mode=None if mode is None else mode == "enabled",
        image_mounted=device.get("ddiServicesAvailable"),
    )
