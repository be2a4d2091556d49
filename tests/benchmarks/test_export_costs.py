"""What an export costs is taken from the operating system, for the process and its children."""

from __future__ import annotations

import sys
from pathlib import Path

from edgebench.benchmarks.proof.export_costs import cases, measure


def test_memory_and_exit_status_are_those_of_the_process_and_its_children() -> None:
    small = measure([sys.executable, "-c", "raise SystemExit(3)"])
    assert small.status == 3
    # A process is charged with the memory of the one that started it, so hold more than that.
    hold = f"held = b'x' * {small.peak_bytes + (100 << 20)}"
    in_a_child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    for program in (hold, in_a_child):
        cost = measure([sys.executable, "-c", program])
        assert cost.status == 0
        assert cost.peak_bytes > small.peak_bytes + (90 << 20)


def test_the_file_that_is_exported_first_is_read_afterwards(tmp_path: Path) -> None:
    first, _, of_file, *_ = cases("scenes_v2", None, None, tmp_path)
    written = Path(first.command[first.command.index("--out") + 1], "scenes_v2.fp32.onnx")
    assert str(written) in of_file.command
    more = cases("scenes_v2", Path("det.onnx"), Path("peer/python"), tmp_path)
    assert [case.name for case in more][-2:] == ["det.onnx to all", "scenes_v2 by litert-torch"]
    assert more[-1].command[0] == "peer/python"
