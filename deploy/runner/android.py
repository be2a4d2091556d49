"""What Android's services tell of heat and power, where its kernel shows an app nothing.

See `Readings` in documents/result.py for the fields and their units. The services are asked by
`dumpsys`, which the user `shell` and root may use and an app may not; asking takes some tens of
milliseconds. The forms are those of ThermalManagerService.java (Android 10 and newer) and
BatteryService.java.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess

from .messages import Json
from .power import dumped_counters

SERVICES = ("thermalservice", "battery")
TIMEOUT_S = 5.0

# The types of Thermal HAL 2.0 that are no temperatures: voltage, current and charge of the battery
# as they concern its brown-out protection.
NO_TEMPERATURES = frozenset({6, 7, 8})
PROCESSOR = 2  # CoolingType.CPU

_STATUS = re.compile(r"^\s*Thermal Status: (\d+)\s*$", re.MULTILINE)
_TITLE = re.compile(r"^[ \t]*(?P<title>[A-Z][A-Za-z ]+):[ \t]*$", re.MULTILINE)
_TEMPERATURE = re.compile(
    r"Temperature\{mValue=(?P<value>[^,]+), mType=(?P<type>-?\d+), mName=(?P<name>[^,}]*)"
)
_COOLING = re.compile(r"CoolingDevice\{mValue=(?P<value>-?\d+), mType=(?P<type>-?\d+)")
_FIELD = re.compile(r"^\s*(?P<name>[A-Za-z ]+): (?P<value>\S+)\s*$", re.MULTILINE)


def service_readings() -> Json:
    """Those fields of the readings that Android's services tell; nothing elsewhere."""
    if shutil.which("dumpsys") is None:
        return {}
    return told(*(_ask(service) for service in SERVICES))


def _ask(service: str) -> str:
    try:
        done = subprocess.run(
            ["dumpsys", service],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def told(thermal: str, battery: str) -> Json:
    """The fields that the texts of both services tell, and no others."""
    fields = {
        **thermal_readings(thermal),
        **battery_readings(battery),
        "battery_counters": dumped_counters(battery),
    }
    return {name: value for name, value in fields.items() if value is not None}


def thermal_readings(text: str) -> Json:
    """`thermal_status`, `temperatures_c` and `throttled`, from `dumpsys thermalservice`.

    The temperatures are those of now where the service has asked the sensors, and otherwise the
    last that it heard of. A sensor that a phone does not have reads 0 or NaN.
    """
    status = _STATUS.search(text)
    parts = _parts(text)
    current = _temperatures(parts.get("Current temperatures from HAL", ""))
    cooling = [
        int(one["value"])
        for one in _COOLING.finditer(parts.get("Current cooling devices from HAL", ""))
        if int(one["type"]) == PROCESSOR
    ]
    return {
        "thermal_status": int(status.group(1)) if status else None,
        "temperatures_c": current or _temperatures(parts.get("Cached temperatures", "")) or None,
        "throttled": any(value > 0 for value in cooling) if cooling else None,
    }


def _parts(text: str) -> dict[str, str]:
    """The text under each title; the titles stand alone on their lines."""
    titles = list(_TITLE.finditer(text))
    ends = [one.start() for one in titles[1:]] + [len(text)]
    return {one["title"]: text[one.end() : end] for one, end in zip(titles, ends)}  # noqa: B905


def _temperatures(text: str) -> Json:
    found = {}
    for one in _TEMPERATURE.finditer(text):
        try:
            value = float(one["value"])
        except ValueError:
            continue
        if int(one["type"]) not in NO_TEMPERATURES and math.isfinite(value) and value != 0.0:
            found[one["name"]] = value
    return found


def battery_readings(text: str) -> Json:
    """`battery_percent` and `charging`, from `dumpsys battery`.

    Charging is being plugged in, whatever the charger does: a battery that gets full on the way
    does not change the speed, and a charger that is pulled out may.
    """
    fields = {one["name"]: one["value"] for one in _FIELD.finditer(text)}
    powered = [value for name, value in fields.items() if name.endswith(" powered")]
    level, scale = (fields.get(name, "") for name in ("level", "scale"))
    known = level.isdigit() and scale.isdigit() and int(scale) > 0
    return {
        "battery_percent": 100 * int(level) / int(scale) if known else None,
        "charging": "true" in powered if powered else None,
    }


def battery_temperature_c(text: str) -> float | None:
    """The battery's own temperature, from `dumpsys battery`, which counts tenths of a degree."""
    tenths = {one["name"]: one["value"] for one in _FIELD.finditer(text)}.get("temperature", "")
    return int(tenths) / 10 if re.fullmatch(r"-?\d+", tenths) else None
