"""The only reasons for which a test may be skipped on CI; any other skip is a failure there.

A test that is skipped everywhere tests nothing, and nobody notices.
"""

from __future__ import annotations

ALLOWED = (
    "Core ML itself is on a Mac only",
    "tflite-runtime 2.14 has no wheel for Python 3.12 and later",
    "only kernels for x86 saturate",
    "runs this environment's own Python",  # Under an emulated x86 processor.
    "reads Linux's /sys",
    "needs a CUDA device",
    "Swift's compiler needs a namespace of mounts",
)
