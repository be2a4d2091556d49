"""What a machine tells of the energy that it uses: its battery's gauge and its processor's counter.

See `Readings` in documents/result.py for the fields. Sources: Documentation/ABI/testing/
sysfs-class-power and Documentation/power/powercap in Linux; `charge_counter` is Android's name for
the same (healthd's BatteryMonitor), and `dumpsys battery` prints it as "Charge counter", in uAh,
beside the voltage in mV (BatteryService.java).
"""

from __future__ import annotations

import os
import re

from .machine import read_all, read_text
from .messages import Json

COUNTERS = {
    "charge_uah": ("charge_now", "charge_counter"),
    "energy_uwh": ("energy_now",),
    "current_ua": ("current_now",),
    "voltage_uv": ("voltage_now",),
    "power_uw": ("power_now",),
}
"""The files of a battery in /sys/class/power_supply, by what they hold; the first that is there."""

SUPPLY = "sys/class/power_supply"
PACKAGE = "sys/class/powercap/intel-rapl:[0-9]"
"""The top of a domain: those of its parts, such as intel-rapl:0:0, are in it already."""

_FIELD = re.compile(r"^\s*(?P<name>[A-Za-z ]+): (?P<value>-?\d+)\s*$", re.MULTILINE)


def own_batteries(root: str) -> list[str]:
    """The folders of the machine's own batteries; a mouse's has the scope Device."""
    supplies = read_all(os.path.join(root, SUPPLY, "*/type"))
    folders = [os.path.dirname(path) for path, kind in supplies if kind == "Battery"]
    return [one for one in folders if read_text(os.path.join(one, "scope")) != "Device"]


def battery_counters(root: str) -> Json | None:
    """Those of `COUNTERS` that the battery's gauge tells; of two batteries neither tells all."""
    folders = own_batteries(root)
    if len(folders) != 1:
        return None
    folder = folders[0]
    found = {}
    for name, files in COUNTERS.items():
        texts = (read_text(os.path.join(folder, file)) for file in files)
        number = next((_number(text) for text in texts if text is not None), None)
        if number is not None:
            found[name] = number
    return found or None


def dumped_counters(text: str) -> Json | None:
    """The same from `dumpsys battery`, which is what the system heard last of the gauge."""
    fields = {one["name"].strip(): int(one["value"]) for one in _FIELD.finditer(text)}
    found = {}
    if fields.get("Charge counter", 0) > 0:  # It is 0 on phones without one.
        found["charge_uah"] = fields["Charge counter"]
    if fields.get("voltage", 0) > 0:
        found["voltage_uv"] = fields["voltage"] * 1000
    return found or None


def package_energy(root: str) -> Json | None:
    """The processor's own counter in uJ, by package; only root may read it on most systems."""
    found = {}
    for path, text in read_all(os.path.join(root, PACKAGE, "energy_uj")):
        name = read_text(os.path.join(os.path.dirname(path), "name")) or ""
        number = _number(text)
        if name.startswith("package") and number is not None:
            found[name] = number
    return found or None


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?\d+", text) else None
