"""A stand-in for a phone: this machine's shell, with Android's own commands as small scripts.

They keep their state in files of a folder, so that a test can see what was set and put back.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgebench.deploy.remote.shell import Shell
from edgebench.errors import DeviceError

COMMANDS = {
    "settings": """
name=$STATE/setting.$3
case $1 in
get) cat $name 2>/dev/null || echo null ;;
put) echo "$4" >$name ;;
delete) rm -f $name ;;
esac
""",
    "cmd": """
[ -e $STATE/no-fixed-mode ] && { echo "Failed to set FIXED_PERFORMANCE mode" >&2; exit 255; }
echo $3 >$STATE/fixed
""",
    "input": """
case $2 in
KEYCODE_WAKEUP) echo Awake >$STATE/screen ;;
KEYCODE_SLEEP) echo Asleep >$STATE/screen ;;
esac
""",
    "dumpsys": """
[ $1 = power ] && echo "  mWakefulness=$(cat $STATE/screen)"
cat $STATE/dumpsys.$1 2>/dev/null
""",
    "getprop": """
cat $STATE/prop.$1 2>/dev/null
""",
}


class PhoneShell(Shell):
    """`gone` says why the phone cannot be used, if so; `state` is the folder of its state."""

    name = "phone"

    def __init__(self, folder: Path, android: bool = True) -> None:
        self.state = folder / "state"
        self.bin = folder / "bin"
        self.gone: DeviceError | None = None
        for path in (self.state, self.bin):
            path.mkdir(parents=True)
        (self.state / "screen").write_text("Asleep\n")
        for name, script in COMMANDS.items() if android else ():
            self.add(name, f"#!/bin/sh\nSTATE={self.state}\n{script}")

    def add(self, name: str, script: str) -> None:
        """Put a program on the phone's PATH."""
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def has(self, name: str) -> str | None:
        """What a file of its state holds."""
        path = self.state / name
        return path.read_text().strip() if path.exists() else None

    def argv(self, command: str) -> list[str]:
        if self.gone:
            return ["false"]
        return ["sh", "-c", f"PATH={self.bin}:{os.environ['PATH']}; {command}"]

    def send(self, source: Path, target: str) -> None:
        shutil.copyfile(source, target)

    def problem(self) -> DeviceError | None:
        return self.gone
