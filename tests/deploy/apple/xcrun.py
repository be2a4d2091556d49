"""A stand-in for `xcrun devicectl` and an iPhone, in the form that devicectl prints.

The folder HERE (beside this file, as `phone`) is the phone: `devices.json` is what it lists,
`Documents` the app's data container; `refusals.json` maps words of a call to an error of devicectl;
`app.txt` is the command that is the app, to which three folders are added.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "phone"


def main(words: list[str]) -> int:
    assert words[:2] == ["devicectl", "--json-output"], words
    target, call = Path(words[2]), words[3:]
    with (HERE / "calls.txt").open("a") as log:
        log.write(" ".join(call) + "\n")
    info = {
        "commandType": ".".join(["devicectl", *call[:3]]),
        "jsonVersion": 2,
        "version": "397.21",
    }
    for known, error in json.loads((HERE / "refusals.json").read_text()).items():
        if known in " ".join(call):
            target.write_text(json.dumps({"error": error, "info": {**info, "outcome": "failed"}}))
            print(
                "ERROR: " + error["userInfo"]["NSLocalizedDescription"]["string"], file=sys.stderr
            )
            return 1
    result = answer(call)
    target.write_text(json.dumps({"info": {**info, "outcome": "success"}, "result": result}))
    return 0


def option(call: list[str], name: str) -> str:
    return call[call.index(name) + 1]


def answer(call: list[str]) -> dict[str, Any]:
    if call[:2] == ["list", "devices"]:
        return json.loads((HERE / "devices.json").read_text())
    return {
        "info apps": apps,
        "info processes": processes,
        "copy to": copy_to,
        "copy from": copy_from,
        "process launch": launch,
        "process terminate": terminate,
    }[" ".join(call[1:3])](call)


def apps(call: list[str]) -> dict[str, Any]:
    known = {"bundleIdentifier": "org.edgebench.app", "bundleVersion": "1", "version": "0.1.0"}
    return {"apps": [known] if option(call, "--bundle-id") == known["bundleIdentifier"] else []}


def processes(call: list[str]) -> dict[str, Any]:
    pid = running()
    path = "file:///private/var/containers/Bundle/Application/0/edgebench.app/edgebench"
    found = [{"executable": "file:///usr/libexec/backboardd", "processIdentifier": 1}]
    return {"runningProcesses": [*found, {"executable": path, "processIdentifier": pid}]}


def running() -> int | None:
    try:
        pid = int((HERE / "pid").read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return pid if state not in "ZX" else None


def copy_to(call: list[str]) -> dict[str, Any]:
    target = HERE / option(call, "--destination")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(option(call, "--source"), target)
    return {}


def copy_from(call: list[str]) -> dict[str, Any]:
    target = Path(option(call, "--destination"))
    assert not target.exists()
    shutil.copyfile(HERE / option(call, "--source"), target)
    return {}


def launch(call: list[str]) -> dict[str, Any]:
    if pid := running():
        os.kill(pid, signal.SIGKILL)
    given = json.loads(option(call, "--environment-variables"))
    run = HERE / given.get("EDGEBENCH_RUN", "Documents/edgebench/runs/none")
    started = subprocess.Popen(
        [*shlex.split((HERE / "app.txt").read_text()), str(run), str(run.parent), str(HERE)],
        env={**os.environ, **given},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(HERE / "log").open("a"),
        start_new_session=True,
    )
    if "EDGEBENCH_CLEAR" in given:
        started.wait()
    (HERE / "pid").write_text(str(started.pid))
    return {"process": {"processIdentifier": started.pid}}


def terminate(call: list[str]) -> dict[str, Any]:
    if (pid := running()) and pid == int(option(call, "--pid")):
        os.kill(pid, signal.SIGKILL)
    return {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
