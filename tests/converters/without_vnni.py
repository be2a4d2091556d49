"""An export as an x86 processor without VNNI makes it, and what it has to say of its kernels."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tiny_models import SIDE, tiny_cnn

PROGRAM = "import sys; from edgebench.cli import main; sys.exit(main(sys.argv[1:]))"
SAMPLES = 16


def check_export(
    form: str, folder: Path, emulator: Sequence[str], environment: Mapping[str, str]
) -> None:
    """Export the tiny model to int8 and int8r, and check that the loss is told and int8r has none.

    `emulator` holds the words before Python's own.
    """
    source, samples = _written(folder)
    out = folder / "out"
    targets = [word for kind in ("int8", "int8r") for word in ("--to", f"{form}:{kind}")]
    words = ["export", str(source), *targets, "--calibration", str(samples), "--out", str(out)]
    done = subprocess.run(
        [*emulator, sys.executable, "-c", PROGRAM, *words],
        env=dict(environment),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    int8, int8r = (
        json.loads((out / f"tiny.{kind}.{form}.json").read_text()) for kind in ("int8", "int8r")
    )
    exact, native = int8["hops"][-1]["snr_db"], int8["native"]["snr_db"]
    assert exact > 30
    assert native < exact - 6
    assert int8r["hops"][-1]["snr_db"] > 30
    assert abs(int8r["native"]["snr_db"] - int8r["hops"][-1]["snr_db"]) < 2
    (told,) = (line for line in done.stderr.splitlines() if "saturate" in line)
    assert f"tiny in {form}:int8 is right" in told
    assert f"{native:.1f} dB instead of {exact:.1f} dB" in told
    assert f"export {form}:int8r" in told


def check_drift(
    form: str, folder: Path, emulator: Sequence[str], environment: Mapping[str, str]
) -> None:
    """Follow the tiny model to int8: the loss is the processor's, and int8r is tried and cures it.

    `emulator` holds the words before Python's own.
    """
    source, samples = _written(folder)
    report = folder / "drift.json"
    words = ["drift", str(source), "--to", f"{form}:int8", "--calibration", str(samples)]
    done = subprocess.run(
        [*emulator, sys.executable, "-c", PROGRAM, *words, "--jobs", "1", "--json", str(report)],
        env=dict(environment),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (target,) = json.loads(report.read_text())["targets"]
    by_stage = {hop["stage"]: _snr_db(hop) for hop in target["hops"]}
    assert by_stage["file"] > 30
    assert by_stage["kernels"] < by_stage["file"] - 6
    remedy = target["remedy"]
    assert (remedy["id"], remedy["target"]) == ("reduce_range", f"{form}:int8r")
    assert remedy["hop"]["stage"] == "kernels"
    assert _snr_db(remedy["hop"]) > 30
    assert f"{form}:int8r" in done.stdout


def _written(folder: Path) -> tuple[Path, Path]:
    """The model's file, and a folder of samples for it."""
    source, samples = folder / "tiny.onnx", folder / "samples"
    onnx.save(tiny_cnn(), source)
    samples.mkdir()
    for seed in range(SAMPLES):
        # Pixels in 0..1: sums saturate where all inputs are positive.
        np.savez(samples / f"{seed}.npz", x=np.random.default_rng(seed).random((1, 3, SIDE, SIDE)))
    return source, samples


def _snr_db(hop: Mapping[str, Any]) -> float:
    levels = (one["snr_db"] for one in hop["source"]["outputs"])
    return min(math.inf if level is None else level for level in levels)  # None: no error at all.
