"""`edgebench devices clean`: remove all that edgebench left on a device."""

from __future__ import annotations

from edgebench import console
from edgebench.commands.devices.named import NamedDevice, add_arguments, options
from edgebench.errors import UsageError

__all__ = ["HELP", "add_arguments", "execute", "options"]

HELP = "remove everything that edgebench left on a device"


def execute(options: NamedDevice) -> int:
    from edgebench.deploy.device.interface import Cleanable
    from edgebench.deploy.registry import devices

    device = devices.get(options.name)
    if not isinstance(device, Cleanable):
        raise UsageError(
            f"edgebench leaves nothing on {options.name}", "there is nothing to remove"
        )
    console.say(device.clean())
    return 0
