"""`xcrun devicectl`, Apple's program for phones: call it and read its JSON.

Every call writes a JSON file, the only output that Apple supports for scripts (`xcrun devicectl
help`): `info` with the outcome, `result` if the call worked, `error` if it did not. What is read
here is in version 2 of that JSON (Xcode 15 and 16), and still in version 5 (Xcode 27), which calls
the three groups of properties deprecated. Not verified on hardware.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.errors import DeviceError

TIMEOUT_S = 60.0


class DevicectlError(DeviceError):
    """devicectl failed for a reason that is not in the table here."""


@dataclass(frozen=True)
class DevicectlFailure:
    """What devicectl prints if it fails, what that means, what to do, whether it may pass."""

    said: tuple[str, ...]
    message: str
    remedy: str
    transient: bool = False

    def of(self, name: str) -> DeviceError:
        kind = DeviceLostError if self.transient else DeviceError
        return kind(f"{name} {self.message}", self.remedy)


DEVELOPER_MODE = DevicectlFailure(
    ("Developer Mode is disabled", "Developer mode is not enabled"),
    "has Developer Mode off",
    "switch it on in Settings > Privacy & Security > Developer Mode; the phone restarts",
)
LOCKED = DevicectlFailure(
    ("could not be, unlocked", "device is locked", "DeviceLocked"),
    "is locked",
    "unlock it, and keep it unlocked: Settings > Display & Brightness > Auto-Lock > Never",
)
NOT_PAIRED = DevicectlFailure(
    ("must be paired", "is not paired", "not yet responded to the pairing"),
    "is not paired with this Mac",
    "connect it with a cable, unlock it and tap Trust when it asks whether to trust this computer",
)
NOT_MOUNTED = DevicectlFailure(
    ("developer disk image", "error 12040"),
    "cannot mount the developer disk image, which is needed to start apps",
    "unlock the phone, and open Xcode > Window > Devices and Simulators once, which mounts it; an "
    "Xcode that is older than the phone's iOS has no image for it",
)
NOT_INSTALLED = DevicectlFailure(
    ("is not installed", "unknown to FrontBoard"),
    "has no edgebench app",
    "build ios_app in Xcode with your own team, and run it on the phone once",
)
NOT_TRUSTED = DevicectlFailure(
    ("has not been explicitly trusted", "Certificate is not trusted"),
    "does not trust the developer of the edgebench app",
    "trust it on the phone in Settings > General > VPN & Device Management",
)
NOT_CONNECTED = DevicectlFailure(
    ("device was not found", "not connected", "connection was interrupted", "timed out"),
    "is not connected",
    "connect it with a cable or to this Mac's network, and unlock it",
    transient=True,
)

FAILURES = (
    DEVELOPER_MODE,
    LOCKED,
    NOT_PAIRED,
    NOT_TRUSTED,
    NOT_INSTALLED,
    NOT_MOUNTED,
    NOT_CONNECTED,
)
"""In the order they are looked for: the cause comes before what it brings about."""


def require_mac() -> None:
    """Raises `DeviceError` on any other system."""
    if sys.platform != "darwin":
        raise DeviceError(
            "this is not a Mac: Apple's devicectl, which connects to iPhones, only runs on Macs",
            "run edgebench on a Mac with Xcode 15 or newer",
        )


def call(name: str, *words: str, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Call devicectl and return its result; `name` is the device's name, for messages.

    Raises `DeviceLostError` and `DeviceError`; `DevicectlError` for a failure of no known kind.
    """
    require_mac()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.json")
        try:
            done = subprocess.run(
                ["xcrun", "devicectl", "--json-output", str(path), *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
            )
        except OSError as error:
            raise _no_xcode("xcrun is missing") from error
        except subprocess.TimeoutExpired:
            raise NOT_CONNECTED.of(name) from None
        try:
            said = json.loads(path.read_bytes())
        except (OSError, ValueError):
            said = {}
    if "unable to find utility" in done.stderr or "no developer tools" in done.stderr:
        raise _no_xcode("xcrun does not find devicectl")
    outcome = said.get("info", {}).get("outcome")
    if done.returncode == 0 and outcome == "success":
        result: dict[str, Any] = said.get("result", {})
        return result
    raise devicectl_error(name, said.get("error", {}), done.stderr)


def devicectl_error(name: str, error: dict[str, Any], stderr: str) -> DeviceError:
    """The error for a failed call, from devicectl's nested error and its output."""
    everything = (json.dumps(error, ensure_ascii=False) + stderr).lower()
    for refusal in FAILURES:
        if any(words.lower() in everything for words in refusal.said):
            return refusal.of(name)
    described = error.get("userInfo", {}).get("NSLocalizedDescription", {})
    reason = described.get("string") if isinstance(described, dict) else described
    last = (stderr.strip().splitlines() or ["it gives no reason"])[-1]
    return DevicectlError(
        f"devicectl failed for {name}: {reason or last}",
        "unlock the phone, connect it again, and check that Xcode can use it",
    )


def _no_xcode(why: str) -> DeviceError:
    return DeviceError(
        f"Xcode 15 or newer is not installed: {why}",
        "install it from the App Store, open it once, then: "
        "sudo xcode-select -s /Applications/Xcode.app",
    )
