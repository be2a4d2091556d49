"""Virtual environments beside the project's own, for packages that do not go together with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]


def python_with(name: str, *packages: str) -> Path:
    """The Python of the environment `.venv-NAME`, made once and kept.

    Skips the test where the packages cannot be installed.
    """
    environment = ROOT / f".venv-{name}"
    python, ready = environment / "bin" / "python", environment / ".ready"
    with FileLock(f"{environment}.lock"):
        if not ready.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
            install = [str(python), "-m", "pip", "install", "--quiet", *packages]
            done = subprocess.run(install, capture_output=True, text=True)
            if done.returncode != 0:
                lines = done.stderr.strip().splitlines()
                pytest.skip(f"cannot install {packages[0]}: {lines[-1] if lines else 'pip failed'}")
            ready.touch()
    return python
