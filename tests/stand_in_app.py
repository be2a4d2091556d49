"""A stand-in for the sample app: it keeps docs/app-contract.md, with Python for Kotlin and Swift.

`install` puts programs beside each other that answer as Android's `am`, `pm` and `pidof` do; `am`
starts this file as the app, which does one job a start and leaves the next to another.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

AM = """#!/bin/sh
here={here}
case "$1" in
force-stop)
    [ -e $here/pid ] && kill -9 $(cat $here/pid) 2>/dev/null
    while $here/pidof app >/dev/null; do sleep 0.05; done
    exit 0;;
start)
    while [ $# -gt 0 ]; do
        [ "$1" = --es ] && [ "$2" = run ] && run=$3
        shift
    done
    if [ ! -e $here/installed ]; then
        echo "Error type 3"
        echo "Error: Activity class {{{package}/{package}.BenchmarkActivity}} does not exist."
        exit 0
    fi
    cd /
    setsid {program} "$run" {own} $here >/dev/null 2>>$here/log </dev/null &
    echo $! >$here/pid
    echo "Status: ok";;
esac
"""

PM = """#!/bin/sh
[ -e {here}/installed ] && echo "package:/data/app/{package}/base.apk" || exit 1
"""

PIDOF = """#!/bin/sh
pid=$(cat {here}/pid 2>/dev/null) && [ -d /proc/$pid ] &&
    ! grep -q '^State:.[ZX]' /proc/$pid/status && echo $pid
"""


def install(
    here: Path, storage: Path, package: str, runner: str, program: Sequence[str] = ()
) -> None:
    """Put the programs into a folder, and the app behind them.

    `storage` is the phone's external storage, and `runner` a packed runner. `program` is the
    command that is the app, to which three folders are added; this file without it.
    """
    here.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(runner, here / "runner.pyz")
    words = {
        "here": here,
        "package": package,
        "program": shlex.join(program or (sys.executable, str(Path(__file__).resolve()))),
        "own": storage / "Android" / "data" / package / "files" / "edgebench",
    }
    for name, text in {"am": AM, "pm": PM, "pidof": PIDOF}.items():
        (here / name).write_text(text.format(**words))
        (here / name).chmod(0o755)
    (here / "installed").touch()


def mode(here: Path, name: str) -> bool:
    """Whether the app is to fail in this way, now."""
    return (here / name).exists()


def once(here: Path, name: str) -> bool:
    """The same, once."""
    asked = mode(here, name)
    (here / name).unlink(missing_ok=True)
    return asked


def main(run: Path, own: Path, here: Path) -> None:
    if os.environ.get("EDGEBENCH_CLEAR"):
        shutil.rmtree(here / "Documents/edgebench", ignore_errors=True)
        return
    sys.argv[0] = str(here / "runner.pyz")  # Which the worker starts for each job.
    sys.path.insert(0, sys.argv[0])
    from edgebench_runner.files import hash_of  # type: ignore[import-not-found]
    from edgebench_runner.messages import send  # type: ignore[import-not-found]
    from edgebench_runner.remote import RemoteReporter  # type: ignore[import-not-found]
    from edgebench_runner.result import Result  # type: ignore[import-not-found]
    from edgebench_runner.worker import fresh_process  # type: ignore[import-not-found]

    folder = own / run.name
    folder.mkdir(parents=True, exist_ok=True)
    changes = folder / "changes.jsonl"
    cut_short = changes.exists() and not changes.read_bytes().endswith(b"\n")
    os.dup2(os.open(changes, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1)
    if cut_short:
        print(flush=True)
    contract = "edgebench.app/2" if mode(here, "other version") else "edgebench.app/3"
    send({"hello": {"contract": contract, "app": "0.1.0"}})
    plan_path = run / "plan.json"
    if not plan_path.exists():
        send({"end": {"status": "failed", "reason": "there is no plan.json"}})
        return
    if not (run / "files").exists():  # Where the runner looks for them.
        (run / "files").symlink_to("../../files")
    if (run / "result.json").exists() and run != folder:
        shutil.copyfile(run / "result.json", folder / "result.json")
    plan = __import__("json").loads(plan_path.read_text())
    reporter = RemoteReporter(str(folder))
    result = Result(str(folder / "result.json"), hash_of(str(plan_path)), reporter)
    worker = fresh_process([sys.executable, sys.argv[0], "--child", str(plan_path)])
    app = App(plan, result, worker, folder, here, send)
    send({"end": {"status": "again" if app.one_job() else "done", "reason": None}})


class App:
    """One start of the app."""

    def __init__(
        self, plan: Any, result: Any, worker: Any, folder: Path, here: Path, send: Any
    ) -> None:
        self.plan = plan
        self.result = result
        self.worker = worker
        self.folder = folder
        self.here = here
        self.send = send

    def one_job(self) -> bool:
        """Do the first job that is left: whether there was one."""
        if self.result.body["context"] is None:
            context = next(self.worker({"kind": "context"}))
            if context.get("error"):
                self.send({"end": {"status": "failed", "reason": context["error"]}})
                raise SystemExit(0)
            self.result.change(context={**context, "python": None, "numpy": None})
        done = self.result.body
        for slot in self.plan["artifacts"]:
            if slot not in done["evaluations"]:
                self._evaluate(slot)
                return True
        blocks = {block["index"] for block in done["blocks"]}
        for process in range(self.plan["processes"]):
            todo = [b for b in self.plan["blocks"] if b["process"] == process]
            if todo := [block for block in todo if block["index"] not in blocks]:
                self._measure(todo)
                return True
        for slot, found in done["evaluations"].items():
            if self.plan.get("profile") and not found["error"] and "profile" not in found:
                self._profile(slot, found)
                return True
        everything = [*done["evaluations"].values(), *done["blocks"]]
        self.result.change(complete=not any(one["error"] for one in everything))
        return False

    def _evaluate(self, slot: str) -> None:
        self._begin({"kind": "evaluate", "slot": slot})
        job = {"kind": "evaluate", "slot": slot, "folder": str(self.folder)}
        found = next(self.worker(job))
        self.result.change(evaluations={slot: found})
        if once(self.here, f"damage outputs of {slot}"):
            for name in found["outputs"].values():
                (self.folder / name).write_bytes(b"damaged")
        counts = len(self.result.body["evaluations"]), len(self.plan["artifacts"])
        self.send({"event": "evaluate", "done": counts[0], "total": counts[1]})

    def _measure(self, todo: list[Any]) -> None:
        answers = self.worker({"kind": "measure", "blocks": todo})
        for block in todo:
            self._begin({"kind": "block", "index": block["index"]})
            self.result.change(block=next(answers))
            counts = len(self.result.body["blocks"]), len(self.plan["blocks"])
            self.send({"event": "block", "done": counts[0], "total": counts[1]})

    def _profile(self, slot: str, found: dict[str, Any]) -> None:
        self._begin({"kind": "profile", "slot": slot})
        made = next(self.worker({"kind": "profile", "slot": slot})).get("profile")
        self.result.change(evaluations={slot: {**found, "profile": made}})

    def _begin(self, job: dict[str, Any]) -> None:
        self.send({"begin": job})
        at = f"{job['kind']} {job.get('index', job.get('slot'))}"
        if mode(self.here, f"crash at {at}") or once(self.here, f"crash once at {at}"):
            os.kill(os.getpid(), signal.SIGKILL)
        if once(self.here, f"cut short at {at}"):
            print('{"change": {"block": {"ind', end="", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if mode(self.here, f"idle at {at}"):
            self.send({"end": {"status": "again", "reason": None}})
            raise SystemExit(0)
        if mode(self.here, f"too soon at {at}"):
            self.send({"end": {"status": "done", "reason": None}})
            raise SystemExit(0)
        if once(self.here, f"hang at {at}"):
            time.sleep(3600)
        if once(self.here, f"background at {at}"):
            reason = "it was put in the background"
            self.send({"end": {"status": "stopped", "reason": reason}})
            raise SystemExit(0)
        if mode(self.here, f"nonsense at {at}"):
            self.send({"change": {"block": {"index": "seven"}}, "files": {}})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
