"""What does an export cost: time, CPU time and memory of the whole process?

    python -m edgebench.benchmarks.proof.export_costs [MODEL] [--detector det.onnx]
        [--litert-torch PYTHON]

Each case is a process of its own, imports and processes that it starts included. Memory is that of
the largest of its processes, at its peak. Given the Python of an environment with litert-torch, its
conversion of the same torch model stands beside them; it makes fp32 only, and proves nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edgebench import console

# What sets the ranges of an ONNX file: noise, for only the time matters.
_PICTURES, _SIDE = 16, 640

_LITERT_TORCH = """
import sys
import litert_torch, torch
from edgebench.models.build import build
from edgebench.models.registry import get
model = build(get(sys.argv[1]))
size = model.spec.input_size
litert_torch.convert(model.module.eval(), (torch.zeros(1, 3, size, size),)).export(sys.argv[2])
"""


@dataclass(frozen=True)
class ExportCase:
    """A command to measure."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class ExportCost:
    """`peak_bytes` is that of the largest process."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    status: int


def measure(command: Sequence[str]) -> ExportCost:
    """Run a command to its end, without its output; another Python finds edgebench too."""
    environment = os.environ | {"PYTHONPATH": str(Path(console.__file__).parents[1])}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return ExportCost(
        time.perf_counter() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * unit,
        process.returncode,
    )


def cases(model: str, detector: Path | None, peer: Path | None, folder: Path) -> list[ExportCase]:
    """The exports of a zoo model and of the ONNX file made of it, and of a detector if given.

    `peer` is the Python of an environment with litert-torch.
    """
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(_PICTURES):
        noise = rng.integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
        Image.fromarray(noise).save(pictures / f"{number}.png")
    calibration = ("--calibration", str(pictures))
    export = (str(Path(sys.executable).with_name("edgebench")), "export")

    def case(name: str, source: str, to: str, *more: str) -> ExportCase:
        out = str(folder / f"{len(made)}")
        return ExportCase(name, (*export, source, "--to", to, "--out", out, "--force", *more))

    made: list[ExportCase] = []
    made.append(case(f"{model} to onnx:fp32", model, "onnx:fp32"))
    made.append(case(f"{model} to tflite:int8", model, "tflite:int8"))
    file = f"{folder}/0/{model}.fp32.onnx"
    made.append(case(f"{model}.fp32.onnx to tflite:int8", file, "tflite:int8", *calibration))
    made.append(case(f"{model} to all", model, "all"))
    if detector is not None:
        shape = ("--input-shape", f"1,3,{_SIDE},{_SIDE}")
        name = f"{detector.name} to all"
        made.append(case(name, str(detector), "all", *shape, *calibration))
    if peer is not None:
        command = (str(peer), "-c", _LITERT_TORCH, model, f"{folder}/peer.tflite")
        made.append(ExportCase(f"{model} by litert-torch", command))
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m edgebench.benchmarks.proof.export_costs",
        description="Measure what exports cost, each in a process of its own.",
    )
    parser.add_argument("model", nargs="?", default="mobilenet_v2_ca", help="a model of the zoo")
    parser.add_argument("--detector", type=Path, metavar="FILE", help="an ONNX file to export too")
    help_ = "the Python of an environment with litert-torch, which is measured too"
    parser.add_argument("--litert-torch", type=Path, metavar="PYTHON", help=help_)
    options = parser.parse_args(arguments)
    table = console.table("export", ">wall s", ">CPU s", ">peak MB")
    failed = False
    with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
        measured = cases(options.model, options.detector, options.litert_torch, Path(folder))
        with console.shown_progress() as progress:
            for done, case in enumerate(measured):
                progress(case.name, done, len(measured))
                cost = measure(case.command)
                failed = failed or cost.status != 0
                name = case.name if cost.status == 0 else f"{case.name} (exit {cost.status})"
                figures = f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", f"{cost.peak_bytes / 1e6:.0f}"
                table.add_row(name, *figures)
    console.show(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
