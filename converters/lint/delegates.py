"""The accelerators that rules know, and the formats that reach each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Delegate:
    """`title` is what people call it; files of `formats` can be given to it."""

    title: str
    formats: frozenset[str]


_TFLITE = frozenset({"tflite"})

DELEGATES: Mapping[str, Delegate] = {
    "xnnpack": Delegate("XNNPACK, LiteRT on the CPU", _TFLITE),
    "gpu": Delegate("LiteRT's GPU delegate", _TFLITE),
    "nnapi": Delegate("LiteRT's NNAPI delegate", _TFLITE),
    "coreml": Delegate("LiteRT's Core ML delegate", _TFLITE),
    "hexagon": Delegate("LiteRT's Hexagon delegate", _TFLITE),
    "mediatek": Delegate("MediaTek's NPUs", _TFLITE),
    "samsung": Delegate("Samsung's NPUs", _TFLITE),
    "edgetpu": Delegate("the Edge TPU", _TFLITE),
    "ane": Delegate("Apple's Neural Engine", frozenset({"coreml"})),
}
