"""The app's part in C does on Arm what it says: cores, and the clock of CPU time."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import native
import pytest

pytestmark = pytest.mark.rig


def test_cores_are_taken_or_refused_and_the_clock_is_fine(tmp_path: Path) -> None:
    command = native.compiled(Path(__file__).with_name("caller.c"), tmp_path)

    def call(*cores: int) -> Any:
        done = subprocess.run([*command, *map(str, cores)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    mine = sorted(os.sched_getaffinity(0))
    said = call(mine[-1])
    assert (said["error"], said["allowed"], said["core"]) == (0, [mine[-1]], mine[-1])
    assert said["used"] > 0 and 0 < said["resolution"] <= 1000
    assert call(*mine)["allowed"] == mine
    for wrong in ((1023,), (mine[0], 1023), (5000,), (-1,)):
        said = call(*wrong)
        assert said["error"] == errno.EINVAL, wrong
