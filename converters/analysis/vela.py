"""Arm's Vela compiler (Apache-2.0): what an int8 .tflite file would take on an Ethos-U NPU.

Vela places every operation on the NPU or leaves it to the CPU, and *estimates* cycles from a
model of the hardware and its memories. Nothing runs: these figures are estimates, are called so
wherever they appear, and never stand in one column with a measurement.
"""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import InvalidFileError, MissingExtraError, UnsupportedModelError

ACCELERATORS = (
    *("ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256"),
    *("ethos-u65-256", "ethos-u65-512"),
    *("ethos-u85-128", "ethos-u85-256", "ethos-u85-512", "ethos-u85-1024", "ethos-u85-2048"),
)
"""The NPUs that Vela compiles for; the last number is of multiply-adds a cycle."""

PLACED = re.compile(r"^(CPU|NPU) operators = (\d+)", re.MULTILINE)
TIMEOUT_S = 600


@dataclass(frozen=True)
class VelaEstimate:
    """What Vela says of one file. `clock_hz` is that of the system it assumes, `system`."""

    artifact: str
    accelerator: str
    system: str
    operators_npu: int
    operators_cpu: int
    estimated_cycles: int
    clock_hz: float
    sram_bytes: int
    tool: str

    @property
    def estimated_s(self) -> float:
        return self.estimated_cycles / self.clock_hz


def estimate(path: Path, accelerator: str) -> VelaEstimate:
    """Compile a file for an NPU and read what Vela estimates. Writes nothing beside the file.

    Raises `MissingExtraError` without Vela, `InvalidFileError` for what is no .tflite file and
    `UnsupportedModelError` for one that Vela does not compile, such as a float file.
    """
    if path.suffix != ".tflite" or not path.is_file():
        raise InvalidFileError(
            f"{path} is not a .tflite file", "give an int8 one: edgebench export --to tflite:int8"
        )
    program = _program()
    with tempfile.TemporaryDirectory(prefix="edgebench-vela-") as folder:
        words = [program, str(path), "--accelerator-config", accelerator, "--output-dir", folder]
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S)
        summaries = sorted(Path(folder).glob("*_summary_*.csv"))
        if done.returncode or not summaries:
            raise UnsupportedModelError(
                f"Vela does not compile {path}: {_last_line(done.stderr or done.stdout)}",
                "give it an int8 file: edgebench export --to tflite:int8",
            )
        with summaries[0].open(newline="") as file:
            row = next(csv.DictReader(file))
    placed = {unit: int(count) for unit, count in PLACED.findall(done.stdout)}
    try:
        return VelaEstimate(
            artifact=path.name,
            accelerator=accelerator,
            system=row["system_config"],
            operators_npu=placed["NPU"],
            operators_cpu=placed["CPU"],
            estimated_cycles=round(float(row["cycles_total"])),
            clock_hz=float(row["core_clock"]),
            sram_bytes=round(float(row["sram_memory_used"]) * 1024),
            tool=f"ethos-u-vela {_version(program)}",
        )
    except (KeyError, ValueError) as error:
        raise UnsupportedModelError(
            f"this version of Vela reports without {error}", "install another: ethos-u-vela 5.2"
        ) from error


def _program() -> str:
    """Vela's own command, beside this Python or on the path."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("vela", path=beside) or shutil.which("vela")
    if found is None:
        raise MissingExtraError("ethos-u-vela", "vela")
    return found


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=TIMEOUT_S)
    return done.stdout.strip() or "of unknown version"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("RuntimeError: ").rstrip(".") if lines else "it gave no reason"
