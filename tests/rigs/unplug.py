"""Pull a phone's cable at random moments of a run, and see what is lost: nothing may be.

    python tests/rigs/unplug.py --times 50

The phone is a real adbd in a sandbox (see `phones`); pulling its cable is killing it, and plugging
it in again is starting another. Each trial is a whole `edgebench --device` of two toy models.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from phones import Bench, Phone
from toy_artifacts import SHORT, make_real_artifacts
from toy_models import make_toys

from edgebench.benchmarks.planning.pilot import PILOT
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import read_plan
from edgebench.documents import load

MEASURED = (0, 3)
"""A busy machine gets no verdict, and all is measured nevertheless."""

LONGEST_S = 3.0
"""How long the cable is out, at most."""


@dataclass(frozen=True)
class Trial:
    """One cable that was pulled, and what came of it.

    `during` is the step that edgebench was at, by its own words; `blocks` were done by then.
    `wrong` is empty where nothing was lost and nothing was left.
    """

    moment_s: float
    away_s: float
    during: str
    blocks: int
    code: int
    again: bool
    wrong: str


def run_words(artifacts: Path, name: str) -> tuple[str, ...]:
    return (
        *("--device", "fake", "attention", "--precisions", "fp32", *SHORT),
        *("--artifacts", str(artifacts), "--runs", f"runs-{name}"),
    )


def start(bench: Bench, artifacts: Path, name: str) -> subprocess.Popen[bytes]:
    """Start a run; what it says goes to the file <name>.log."""
    words = ["env", "-C", str(bench.folder), *bench.command(*run_words(artifacts, name))]
    return bench.sandbox.start(words, bench.env, bench.folder / f"{name}.log")


def results(bench: Bench, name: str) -> dict[Path, RunResult]:
    """The run's results so far, the pilot's among them, by run folder."""
    paths = sorted((bench.folder / f"runs-{name}").rglob("result.json"))
    return {path.parent: load(path, RunResult) for path in paths}


def said(bench: Bench, name: str) -> list[str]:
    return (bench.folder / f"{name}.log").read_text().splitlines()


def step_of(lines: list[str]) -> str:
    """The step that a run is at, by its own words."""
    if any(line.startswith("note:") for line in lines):
        return "reporting"
    steps = [line for line in lines if not line.startswith("edgebench:")]
    return steps[-1].strip() if steps else "starting"


def undisturbed_s(phone: Phone, artifacts: Path) -> float:
    """How long a run takes that nobody disturbs."""
    begin = time.monotonic()
    code = start(phone.bench, artifacts, "undisturbed").wait(timeout=600)
    if code not in MEASURED:
        raise RuntimeError("\n".join(said(phone.bench, "undisturbed")))
    return time.monotonic() - begin


def pull(phone: Phone, artifacts: Path, name: str, moment_s: float, away_s: float) -> Trial:
    """Start a run, pull the cable at that moment, and plug it in again after a while."""
    bench = phone.bench
    process = start(bench, artifacts, name)
    time.sleep(moment_s)
    if process.poll() is not None:  # A machine that got faster; a cable pulled now proves nothing.
        return pull(phone, artifacts, f"{name}-sooner", moment_s / 2, away_s)
    before = results(bench, name)
    during = step_of(said(bench, name))
    phone.unplug()
    time.sleep(away_s)
    phone.plug_in()
    code = process.wait(timeout=600)
    again = code == 1 and not before
    if again:  # A phone that is not there when a run begins is said at once; so the user repeats.
        phone.wait_until_seen()
        code = start(bench, artifacts, name).wait(timeout=600)
    return Trial(
        moment_s=moment_s,
        away_s=away_s,
        during=during,
        blocks=sum(len(one.blocks) for one in before.values()),
        code=code,
        again=again,
        wrong="; ".join(_wrongs(phone, name, code, before)),
    )


def _wrongs(phone: Phone, name: str, code: int, before: dict[Path, RunResult]) -> list[str]:
    bench = phone.bench
    after = results(bench, name)
    wrongs = []
    if code not in MEASURED:
        wrongs.append(f"exit code {code}: {' '.join(said(bench, name)[-2:])}")
    for folder, result in after.items():
        if folder.name == PILOT:
            continue  # It ends when it knows enough.
        planned = [block.index for block in read_plan(folder).blocks]
        if not result.complete or [block.index for block in result.blocks] != planned:
            wrongs.append(f"{len(result.blocks)} of {len(planned)} blocks in {folder.name}")
    for folder, result in before.items():
        kept = {block.index: block for block in after[folder].blocks}
        lost = sum(kept.get(b.index) != b for b in result.blocks if b.error is None)
        if lost:
            wrongs.append(f"{lost} blocks that were measured are lost")
    if any("Traceback" in line for line in said(bench, name)):
        wrongs.append("a traceback")
    if left := phone.left_behind():
        wrongs.append(f"left on the phone: {left}")
    if strays := strays_of(phone):
        wrongs.append(f"still running on the phone: {strays}")
    return wrongs


def strays_of(phone: Phone, reconnect_s: float = 15.0) -> list[str]:
    """The processes on the phone that are not its daemon, once they have had time to end."""
    end = time.monotonic() + reconnect_s
    while True:
        running = phone.bench.sandbox.processes().values()
        strays = [line for line in running if "/usr/sbin/adbd" not in line and "adb -L" not in line]
        if not strays or time.monotonic() > end:
            return strays
        time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description="Pull a phone's cable at random moments.")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        toys, artifacts = Path(folder, "toys"), Path(folder, "artifacts")
        toys.mkdir()
        make_toys(toys)
        make_real_artifacts(toys, artifacts)
        bench = Bench(Path(folder, "bench"))
        try:
            phone = Phone(bench, "28021FDH2000AB")
            phone.plug_in()
            phone.wait_until_seen()
            bench.register(fake=phone.entry)
            whole_s = undisturbed_s(phone, artifacts)
            print(f"undisturbed, a run takes {whole_s:.1f} s")
            print(f"{'':3} {'pulled at':>9} {'out for':>7}  {'blocks':>6} {'code':>4}  during")
            trials = []
            for number in range(options.times):
                moment_s = chance.uniform(0.0, whole_s)
                trial = pull(
                    phone, artifacts, str(number), moment_s, chance.uniform(0.0, LONGEST_S)
                )
                trials.append(trial)
                print(
                    f"{number + 1:3} {trial.moment_s:7.1f} s {trial.away_s:5.1f} s  "
                    f"{trial.blocks:6} {trial.code:4}  {trial.during}"
                    + ("; refused at once, and run again" if trial.again else "")
                    + (f"; WRONG: {trial.wrong}" if trial.wrong else ""),
                    flush=True,
                )
        finally:
            bench.close()
    for during, count in Counter(trial.during for trial in trials).most_common():
        print(f"{count:4} times during: {during}")
    wrong = sum(bool(trial.wrong) for trial in trials)
    print(f"{len(trials) - wrong} of {len(trials)} runs lost nothing and left nothing behind")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
