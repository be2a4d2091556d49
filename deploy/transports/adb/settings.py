"""A phone's settings while it is measured, and back to what they were.

During a run the phone stays awake on its charger and is in the fixed performance mode that Android
11 has for measuring: a frequency that the phone can hold, neither boosted nor throttled. The old
settings are kept in a file on this machine, so that they can be restored when a phone that was
unplugged is used or cleaned again. Android does not report whether the fixed performance mode is
on. Only programs like this one turn it on, and it ends with a restart, so it is turned off.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.remote.shell import Shell
from edgebench.deploy.runner.android import battery_readings, thermal_readings
from edgebench.documents import load, save
from edgebench.places import data_folder

STAY_ON = "stay_on_while_plugged_in"
ALWAYS = "15"
"""On mains, USB, wireless and dock (BatteryManager.BATTERY_PLUGGED_*)."""

UNSET = "null"
"""What `settings get` prints for a setting that nobody ever made."""

FIXED_MODE = "cmd power set-fixed-performance-mode-enabled"
HOT = 2
"""Android's thermal status from which heat costs speed."""

LOW_PERCENT = 20
"""The battery's level from which Android itself offers to save power."""


@dataclass(frozen=True)
class SavedSettings:
    """The state before the run: the setting as Android prints it, and if the screen was off."""

    SCHEMA: ClassVar[str] = "edgebench.android-settings/1"

    stay_on: str
    asleep: bool


def apply_settings(shell: Shell) -> None:
    """Set the phone up for measuring, also a second time. Settings that it refuses are skipped.

    Raises `DeviceError` only if the connection is lost, and `UnwritableError`.
    """
    saved = _saved(shell)
    # If the file exists, a run was interrupted, and the current settings are not the user's.
    if not saved.exists():
        answer = shell.run(f"settings get global {STAY_ON}; dumpsys power | grep mWakefulness=")
        lines = answer.stdout.split()
        if not lines or not (lines[0].isdigit() or lines[0] == UNSET):
            return  # This is not Android, or it does not allow changes of its settings.
        asleep = any(line in ("mWakefulness=Asleep", "mWakefulness=Dozing") for line in lines)
        save(saved, SavedSettings(lines[0], asleep))
    shell.run(
        f"settings put global {STAY_ON} {ALWAYS}; input keyevent KEYCODE_WAKEUP; {FIXED_MODE} true"
    )


def restore_settings(shell: Shell) -> bool:
    """Restore the settings from before a run; False if there are none. Raises `EdgeBenchError`.

    The settings of a phone that is not attached are kept until it is used or cleaned again.
    """
    saved = _saved(shell)
    if not saved.exists():
        return False
    before = load(saved, SavedSettings)
    setting = (
        f"settings delete global {STAY_ON}"
        if before.stay_on == UNSET
        else f"settings put global {STAY_ON} {before.stay_on}"
    )
    sleep = "; input keyevent KEYCODE_SLEEP" if before.asleep else ""
    shell.run(f"{FIXED_MODE} false; {setting}{sleep}")
    saved.unlink(missing_ok=True)
    return True


def _saved(shell: Shell) -> Path:
    return data_folder() / "android" / f"{shell.identity.replace('/', '_')}.json"


def settings_step(shell: Shell) -> CheckStep:
    """Check whether the phone accepts the settings; they are off afterwards."""
    answer = shell.run(f"{FIXED_MODE} true && {FIXED_MODE} false")
    if answer.status == 0:
        return CheckStep("settings", "ok", "it stays awake, and has the fixed performance mode")
    return CheckStep(
        "settings",
        "note",
        f"this phone has no fixed performance mode ({answer.reason})",
        "measure in a cool place and for longer; changes of its speed are detected and reported",
    )


def thermal_step(shell: Shell) -> CheckStep:
    """Check whether the phone reports its temperature, and whether it is too hot to start."""
    heat = thermal_readings(shell.run("dumpsys thermalservice 2>/dev/null").stdout)
    charge = battery_readings(shell.run("dumpsys battery 2>/dev/null").stdout)
    status, temperatures = heat["thermal_status"], heat["temperatures_c"]
    level = charge["battery_percent"]
    battery = "" if level is None else f", battery at {level:.0f} %"
    if status is None:
        return CheckStep(
            "thermal readings",
            "note",
            f"this phone does not report its thermal status, which needs Android 10{battery}",
            "heat then only shows in the times",
        )
    found = f"thermal status {status} of 6"
    if temperatures:
        hottest = f"{max(temperatures.values()):.0f} °C"
        count = len(temperatures)
        found += f", {count} sensors, the hottest at {hottest}" if count > 1 else f", {hottest}"
    found += battery
    if status >= HOT:
        return CheckStep("thermal readings", "note", found, "let it cool down before a run")
    if level is not None and level < LOW_PERCENT:
        return CheckStep(
            "thermal readings", "note", found, "charge it: many phones save power at this level"
        )
    return CheckStep("thermal readings", "ok", found)
