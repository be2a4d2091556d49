"""What is attached to this machine now, and what each known device needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice
from edgebench.deploy.transports.table import TRANSPORTS
from edgebench.errors import DeviceError


@dataclass(frozen=True)
class Discovery:
    """What the transports see: attached devices, and why entries cannot be used, by name."""

    attached: tuple[AttachedDevice, ...] = ()
    unavailable: Mapping[str, DeviceError] = field(default_factory=dict)

    def of(self, name: str) -> tuple[AttachedDevice, ...]:
        """The attached devices of an entry; several if two of a model are attached."""
        return tuple(one for one in self.attached if one.name == name)

    @property
    def unknown(self) -> tuple[AttachedDevice, ...]:
        """The attached devices that match no entry."""
        return tuple(one for one in self.attached if one.name is None)


def discover(entries: Iterable[DeviceEntry]) -> Discovery:
    """Ask each transport what it sees, without connecting to a network.

    If a transport fails, all of its entries are unavailable.
    """
    attached: list[AttachedDevice] = []
    unavailable: dict[str, DeviceError] = {}
    by_transport: dict[str, list[DeviceEntry]] = {}
    for entry in entries:
        by_transport.setdefault(entry.transport, []).append(entry)
    for transport, group in by_transport.items():
        package = TRANSPORTS[transport].package()
        try:
            attached += package.attached(group)
        except DeviceError as error:
            unavailable |= {entry.name: error for entry in group}
            continue
        found = {entry.name: package.unavailable(entry) for entry in group}
        unavailable |= {name: error for name, error in found.items() if error is not None}
    return Discovery(tuple(attached), unavailable)
