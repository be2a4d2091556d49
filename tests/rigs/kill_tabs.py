"""Kill or reload the tab at random moments of a run, and see what is lost: nothing may be.

    PYTHONPATH=tests:tests/benchmarks python tests/rigs/kill_tabs.py --times 10

Each trial is a whole `edgebench --device browser` of two toy models in a real Chromium, whose tab
is killed, or reloaded, at so many moments of the run: at the pilot, at evaluations and at blocks.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from browsers import Chromium
from toy_artifacts import make_real_artifacts
from toy_models import make_toys

from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.transports.browser import assets
from edgebench.documents import load
from edgebench.errors import InvalidFileError
from edgebench.progress import silent

MEASURED = (0, 3)
"""A busy machine gets no verdict, and all is measured nevertheless."""


def results(folder: Path) -> dict[Path, RunResult]:
    """What is kept so far, by its place."""
    found = {}
    for path in folder.rglob("result.json"):
        try:
            found[path] = load(path, RunResult)
        except InvalidFileError:
            continue  # It was being replaced.
    return found


def lost(before: dict[Path, RunResult], after: dict[Path, RunResult]) -> list[str]:
    """What is not there any more, or is another one."""
    wrong = []
    for path, old in before.items():
        blocks = {block.index: block for block in after[path].blocks}
        wrong += [f"block {one.index}" for one in old.blocks if blocks.get(one.index) != one]
        kept = after[path].evaluations
        wrong += [
            f"evaluation {slot}" for slot, one in old.evaluations.items() if kept[slot] != one
        ]
    return wrong


def trial(folder: Path, artifacts: Path, chance: random.Random, times: int) -> list[str]:
    """One run; returns what went wrong."""
    words = ("run", "attention", "--baseline", "plain", "--precisions", "fp32", "--budget", "30s")
    words += ("--device", "browser")
    where = ("--artifacts", str(artifacts), "--runs", str(folder / "runs"))
    command = subprocess.Popen(
        [sys.executable, "-m", "edgebench.cli", *words, "--whole-budget", *where],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "EDGEBENCH_DATA": str(folder / "data")},
    )
    assert command.stderr is not None
    address = None
    while address is None:
        address = re.search(r"http\S+#\S+", command.stderr.readline())
    drained = threading.Thread(target=command.stderr.read, daemon=True)
    drained.start()
    browser = Chromium(folder / "chromium")
    page = browser.open(f"{address[0]}&start")
    wrong: list[str] = []
    kept: list[dict[Path, RunResult]] = []
    done = 0
    while command.poll() is None:
        time.sleep(chance.uniform(0.1, 4))
        if done < times and command.poll() is None:
            kept.append(results(folder))
            done += 1
            if chance.random() < 0.5:
                page.reload()
            else:
                page.kill()
                time.sleep(chance.uniform(0, 1))
                page = browser.open(f"{address[0]}&start")
    browser.close()
    after = results(folder)
    for before in kept:
        wrong += lost(before, after)
    if command.returncode not in MEASURED:
        wrong.append(f"exit code {command.returncode}")
    if not any(one.complete for one in after.values()):
        wrong.append("nothing is complete")
    blocks = sum(len(one.blocks) for one in after.values())
    print(f"{done} times, {blocks} blocks, {'; '.join(wrong) or 'nothing lost'}", flush=True)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    assets.prepare(silent)
    with tempfile.TemporaryDirectory() as name:
        toys, artifacts = Path(name, "toys"), Path(name, "artifacts")
        toys.mkdir()
        artifacts.mkdir()
        make_toys(toys)
        make_real_artifacts(toys, artifacts)
        wrong = []
        for number in range(options.trials):
            folder = Path(name, f"trial-{number}")
            folder.mkdir()
            chance = random.Random(options.seed + number)
            wrong += trial(folder, artifacts, chance, options.times)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
