"""Sources that several rules share."""

from __future__ import annotations

from edgebench.converters.lint.rule import Source

LITERT = "github.com/google-ai-edge/LiteRT at f67457790"
LITERT_DATE = "2026-08-21"


def litert(title: str, file: str) -> Source:
    """A file of LiteRT's own repository, at the one revision that was read."""
    return Source(title, f"{LITERT}, {file}", LITERT_DATE)


QUANTISATION = litert("LiteRT 8-bit quantization specification", "g3doc/performance")
EDGE_TPU = Source(
    "TensorFlow models on the Edge TPU, supported operations",
    "coral.ai/docs/edgetpu/models-intro; the same table: developer.axis.com, ARTPEC-7",
    "2026-11-21",
)
