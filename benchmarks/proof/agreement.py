"""Does our runner agree with the runtime's own benchmark on the same file?

    python -m edgebench.benchmarks.proof.agreement artifacts/mobilenet_v2.fp32.tflite [--rounds 10]

Rounds alternate the two, each in a fresh process and each going first in every other round, and
the ratio of their times gets an interval over rounds: of their medians, and of their fifth
percentiles, which stay the same when other work on the machine comes and goes. The tools are in
`edgebench.benchmarks.proof.runtime_tools`.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgebench.benchmarks.formatting import milliseconds
from edgebench.benchmarks.proof.runtime_tools import ToolTimes, tool_of
from edgebench.benchmarks.statistics.paired import MIN_PROCESSES, overhead
from edgebench.deploy.documents.plan import (
    Group,
    Plan,
    PlannedArtifact,
    PlannedBlock,
    TurnLength,
    Warmup,
)
from edgebench.deploy.documents.staging import stage_file, write_plan
from edgebench.deploy.transports.local import LocalDevice
from edgebench.documents import sha256
from edgebench.errors import EdgeBenchError
from edgebench.progress import silent

MEASURING_S = 2.0
WARMUP_S = 0.5
FEWEST = 20
"""Inferences, which are also those of the first look at how fast the model is."""

DROPPED = 2
"""Of each turn: the tools run one model alone, so its own caches are what is compared."""

SLOTS = ("one", "two")


def agreement(model: Path, rounds: int, threads: int) -> list[tuple[ToolTimes, ToolTimes]]:
    """Our times and the tool's, round by round.

    Raises `EdgeBenchError` if either cannot run the file.
    """
    peer = tool_of(model)
    pairs = []
    wanted = int(MEASURING_S / our_times(model, threads, FEWEST).median_s)
    inferences = min(max(wanted, FEWEST), 5000)
    for number in range(rounds):
        if number % 2:
            theirs = peer.times(model, inferences, threads)
            ours = our_times(model, threads, inferences)
        else:
            ours = our_times(model, threads, inferences)
            theirs = peer.times(model, inferences, threads)
        pairs.append((ours, theirs))
    return pairs


def ratio(pairs: Sequence[tuple[float, float]]) -> str:
    """The ratio of ours over theirs with its 95 % interval, in words."""
    found = overhead([math.log(ours / theirs) for ours, theirs in pairs])
    low, high = 1 + found.interval.low, 1 + found.interval.high
    return f"{1 + found.value:.4f} [{low:.4f}, {high:.4f}]"


def our_times(model: Path, threads: int, inferences: int) -> ToolTimes:
    """So many inferences of our runner in a fresh process, in four turns of two instances."""
    digest = sha256(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = stage_file(model, digest, folder)
        planned = PlannedArtifact(model.name, file, digest, model.suffix.removeprefix("."), None)
        turn = TurnLength(DROPPED + math.ceil(inferences / 4), DROPPED, 1)
        plan = Plan(
            id="agreement",
            seed=0,
            threads=threads,
            cores=None,
            delegate="xnnpack",
            artifacts={slot: planned for slot in SLOTS},
            groups=(Group("agreement", SLOTS[0], SLOTS, turn),),
            processes=1,
            first_look=1,
            blocks=(PlannedBlock(0, 0, "agreement", (*SLOTS, *reversed(SLOTS))),),
            warmup=Warmup(window=3, tolerance=0.05, max_s=WARMUP_S),
        )
        write_plan(plan, folder)
        result = LocalDevice().run(folder, silent)
    times_s = np.concatenate([one.samples_ns for one in result.blocks[0].turns]) / 1e9
    return ToolTimes(float(np.median(times_s)), float(np.quantile(times_s, 0.05)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rounds and the ratios."""
    parser = argparse.ArgumentParser(prog="python -m edgebench.benchmarks.proof.agreement")
    parser.add_argument("model", type=Path, help="a .tflite file or an .openvino folder")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.rounds < MIN_PROCESSES:
        parser.error(f"--rounds must be {MIN_PROCESSES} or more")
    try:
        pairs = agreement(options.model, options.rounds, options.threads)
    except (EdgeBenchError, OSError) as error:
        remedy = f"; {error.remedy}" if isinstance(error, EdgeBenchError) else ""
        print(f"error: {error}{remedy}", file=sys.stderr)
        return 1
    for ours, theirs in pairs:
        print(f"ours {milliseconds(ours.median_s)} ms, peer {milliseconds(theirs.median_s)} ms")
    medians = [(ours.median_s, theirs.median_s) for ours, theirs in pairs]
    undisturbed = [(ours.p5_s, theirs.p5_s) for ours, theirs in pairs]
    print(f"ours / peer over {len(pairs)} rounds, medians: {ratio(medians)}")
    print(f"ours / peer over {len(pairs)} rounds, fifth percentiles: {ratio(undisturbed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
