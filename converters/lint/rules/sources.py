"""Sources that several rules share."""

from __future__ import annotations

from edgebench.converters.lint.rule import Reference

LITERT = "github.com/google-ai-edge/LiteRT at f67457790"
LITERT_DATE = "2026-08-21"


def litert(title: str, file: str) -> Reference:
    """A file of LiteRT's own repository, at the one revision that was read."""
    return Reference(title, f"{LITERT}, {file}", LITERT_DATE)


QUANTISATION = litert(
    "LiteRT 8-bit quantization specification", "tflite/g3doc/performance/quantization_spec.md"
)
FLOAT_BRANCHES = Reference(
    "Measured for edgebench: MobileNetV2 with coordinate attention, partly in int8 and partly in "
    "float, spent 4.1 ms in 34 conversions between the two",
    "OpenVINO 2026.4.1, one thread, 224x224",
    "2026-11",
)
LAYOUTS = Reference(
    "edgebench's architecture: values carry the order of their axes, and data moves only where "
    "another order is needed",
    "ARCHITECTURE.md, the lowering to TFLite",
    "2026-11",
)
EDGE_TPU = Reference(
    "TensorFlow models on the Edge TPU, supported operations",
    "coral.ai/docs/edgetpu/models-intro; the same table: developer.axis.com, ARTPEC-7",
    "2026-11-21",
)
