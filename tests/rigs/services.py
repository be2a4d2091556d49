"""Android's services, where Debian has none: scripts that answer from files.

What they print has the form of the sources of Android 15; a test can make the phone hot, put it on
its battery, or make it another model.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

SCRIPT = """\
#!/bin/sh
state={state}
name=${{0##*/}}
echo "$name $*" >>$state/calls
case "$name $1" in
    "getprop "*) sed -n "s/^$1=//p" $state/properties ;;
    "dumpsys "*) cat $state/dumpsys.$1 2>/dev/null || echo "Can't find service: $1" >&2 ;;
    "settings get") cat $state/settings.$2.$3 2>/dev/null || echo null ;;
    "settings put") echo "$4" >$state/settings.$2.$3 ;;
    "settings delete") rm -f $state/settings.$2.$3; echo "Deleted 1 rows" ;;
    "cmd power") [ "$2" != set-fixed-performance-mode-enabled ] || echo "$3" >$state/fixed ;;
esac
"""
NAMES = ("getprop", "dumpsys", "settings", "cmd", "input", "svc", "am")

PIXEL_7 = {
    "ro.product.device": "panther",
    "ro.product.model": "Pixel 7",
    "ro.product.manufacturer": "Google",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.build.version.release": "15",
    "ro.build.version.sdk": "35",
    "ro.soc.model": "GS201",
    "ro.hardware": "panther",
}
GALAXY_S24 = {
    **PIXEL_7,
    "ro.product.device": "e1s",
    "ro.product.model": "SM-S921B",
    "ro.product.manufacturer": "samsung",
    "ro.soc.model": "s5e9945",
    "ro.hardware": "s5e9945",
}

THERMAL = """\
IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 3
\tkilled: false
\tbroadcasts count: -1
Thermal Status: {status}
Cached temperatures:
\tTemperature{{mValue={skin}, mType=3, mName=VIRTUAL-SKIN, mStatus={status}}}
HAL Ready: true
HAL connection:
\tThermalHAL AIDL 1  connected: yes
Current temperatures from HAL:
\tTemperature{{mValue={skin}, mType=3, mName=VIRTUAL-SKIN, mStatus={status}}}
\tTemperature{{mValue={battery}, mType=2, mName=battery, mStatus=0}}
\tTemperature{{mValue={big}, mType=0, mName=BIG, mStatus=0}}
Current cooling devices from HAL:
\tCoolingDevice{{mValue=0, mType=2, mName=thermal-cpufreq-0}}
"""

BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: {powered}
  Wireless powered: false
  Dock powered: false
  Max charging current: 500000
  Charge counter: {charge_uah}
  status: {status}
  health: 2
  present: true
  level: {level}
  scale: 100
  voltage: 4211
  temperature: {tenths}
  technology: Li-ion
"""

POWER = """\
POWER MANAGER (dumpsys power)

Power Manager State:
  mWakefulness=Asleep
  mIsPowered=true
"""


class Services:
    """The services of one phone: programs in the folder `bin`, their answers in `state`."""

    def __init__(self, folder: Path, about: Mapping[str, str]) -> None:
        self.state = folder / "state"
        self.state.mkdir()
        (folder / "bin").mkdir()
        for name in NAMES:
            executable(folder / "bin" / name, SCRIPT.format(state=shlex.quote(str(self.state))))
        self.is_a(about)
        self.warms_to(31.0)
        self.charges(True)
        (self.state / "dumpsys.power").write_text(POWER)

    def is_a(self, properties: Mapping[str, str]) -> None:
        lines = (f"{key}={value}\n" for key, value in properties.items())
        (self.state / "properties").write_text("".join(lines))

    def warms_to(self, skin: float, status: int = 0) -> None:
        text = THERMAL.format(status=status, skin=skin, battery=skin - 2, big=skin + 9)
        (self.state / "dumpsys.thermalservice").write_text(text)

    def charges(self, plugged: bool, level: int = 86, charge_uah: int = 0) -> None:
        """Have the battery in that state; a phone without a counter says that it is at 0."""
        text = BATTERY.format(
            powered=str(plugged).lower(),
            charge_uah=charge_uah,
            status=2 if plugged else 3,
            level=level,
            tenths=291,
        )
        part = self.state / "battery.part"
        part.write_text(text)
        part.replace(self.state / "dumpsys.battery")  # A reader sees one or the other, whole.

    @property
    def calls(self) -> list[str]:
        """The command lines of the services that were asked so far."""
        path = self.state / "calls"
        return path.read_text().splitlines() if path.exists() else []


def executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
