"""`edgebench devices remove`: remove one of your own devices from your file."""

from __future__ import annotations

from edgebench import console
from edgebench.commands.devices.named import NamedDevice, add_arguments, options

__all__ = ["HELP", "add_arguments", "execute", "options"]

HELP = "remove a device that you added"


def execute(options: NamedDevice) -> int:
    from edgebench.deploy.registry import user_devices

    path = user_devices.remove(options.name)
    console.say(f"removed {options.name} from {path}")
    return 0
