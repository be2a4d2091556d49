"""`edgebench devices prepare`: install what runs need on a device."""

from __future__ import annotations

from edgebench import console
from edgebench.commands.devices.named import NamedDevice, add_arguments, options
from edgebench.errors import UsageError

__all__ = ["HELP", "add_arguments", "execute", "options"]

HELP = "install what runs need on a device, in its own folder"


def execute(options: NamedDevice) -> int:
    from edgebench.deploy.device.interface import Preparable
    from edgebench.deploy.registry import devices

    device = devices.get(options.name)
    if not isinstance(device, Preparable):
        raise UsageError(
            f"edgebench cannot install anything on {options.name}",
            f"see what is missing: edgebench devices check {options.name}",
        )
    with console.shown_progress() as progress:
        device.prepare(progress)
    console.say(
        f"{options.name} is prepared; check it with: edgebench devices check {options.name}"
    )
    return 0
