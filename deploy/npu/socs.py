"""The SoCs whose NPUs LiteRT's compilers know, and the vendors of these compilers.

Sources: `ai_edge_litert/aot/vendors/*/target.py` of LiteRT 2.3.0 (models); the log of LiteRT's
compiler with QNN 2.51 (Qualcomm's number of each SoC and the version of its Hexagon); Qualcomm's
product pages (sales names). A model that is not in the table is passed to its vendor's compiler,
which knows more of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgebench.errors import UnknownNameError


@dataclass(frozen=True)
class Vendor:
    """A vendor of NPUs, as LiteRT's compiler names it.

    plugin: the folder of its plugin in ai-edge-litert.
    pattern: what its models of SoCs look like.
    package: the Python package with its libraries, by LiteRT's convention.
    lacks: what the plugin needs and where it comes from, where that is not on a package index.
    """

    name: str
    plugin: str
    pattern: re.Pattern[str]
    package: str
    lacks: str = ""


QUALCOMM = Vendor(
    "Qualcomm",
    "qualcomm",
    re.compile(r"(SM|SA|QCS|SC|SXR|SAR|SSG|SW)\d{4}P?"),
    "ai_edge_litert_sdk_qualcomm",
)
MEDIATEK = Vendor(
    "MediaTek",
    "mediatek",
    re.compile(r"MT\d{4}"),
    "ai_edge_litert_sdk_mediatek",
    "libneuron_adapter.so, of MediaTek's NeuroPilot SDK",
)
SAMSUNG = Vendor(
    "Samsung",
    "samsung",
    re.compile(r"E\d{4}"),
    "ai_edge_litert_sdk_samsung",
    "the SDK of Samsung's Exynos AI LiteCore",
)
GOOGLE = Vendor(
    "Google",
    "google_tensor",
    re.compile(r"Tensor_G\d"),
    "ai_edge_litert_sdk_google_tensor",
    "liblitert_plugin_compiler.so, of Google's Tensor SDK",
)

VENDORS = (QUALCOMM, MEDIATEK, SAMSUNG, GOOGLE)


@dataclass(frozen=True)
class Soc:
    """A SoC. `sales` is its sales name, "" if not known.

    Of Qualcomm's: `number` is QNN's number of it, which its emulator asks for, and `hexagon` the
    version of its NPU's instruction set, such as 75.
    """

    model: str
    vendor: Vendor
    sales: str = ""
    number: int | None = None
    hexagon: int | None = None


SOCS = {
    soc.model: soc
    for soc in (
        Soc("SM8350", QUALCOMM, "Snapdragon 888", 30, 68),
        Soc("SM8450", QUALCOMM, "Snapdragon 8 Gen 1", 36, 69),
        Soc("SM8475", QUALCOMM, "Snapdragon 8+ Gen 1", 42, 69),
        Soc("SM8550", QUALCOMM, "Snapdragon 8 Gen 2", 43, 73),
        Soc("SM8650", QUALCOMM, "Snapdragon 8 Gen 3", 57, 75),
        Soc("SM8750", QUALCOMM, "Snapdragon 8 Elite", 69, 79),
        Soc("SM8845", QUALCOMM, "Snapdragon 8 Gen 5", 97, 81),
        Soc("SM8850", QUALCOMM, "Snapdragon 8 Elite Gen 5", 87, 81),
        Soc("SA8255", QUALCOMM, "", 52, 73),
        Soc("SA8295", QUALCOMM, "", 39, 68),
        *(
            Soc(f"MT{number}", MEDIATEK)
            for number in (
                *(6853, 6877, 6878, 6879, 6886, 6893, 6895, 6897, 6983, 6985),
                *(6989, 6991, 6993, 8171, 8188, 8189),
            )
        ),
        Soc("E9955", SAMSUNG, "Exynos 2500"),
        Soc("E9965", SAMSUNG, "Exynos 2600"),
        *(Soc(f"Tensor_G{number}", GOOGLE) for number in (3, 4, 5, 6)),
    )
}


# What Android's `ro.soc.model` says where LiteRT has another name.
TENSOR = re.compile(r"Tensor G(\d)")
EXYNOS = re.compile(r"s5(e\d{4})", re.IGNORECASE)


def of_property(said: str) -> Soc:
    """The SoC of Android's property `ro.soc.model`. Raises `UnknownNameError`."""
    tensor, exynos = TENSOR.fullmatch(said), EXYNOS.fullmatch(said)
    if tensor:
        return soc(f"Tensor_G{tensor[1]}")
    return soc(exynos[1].upper() if exynos else said)


def soc(model: str) -> Soc:
    """A SoC by its model, such as SM8650. Raises `UnknownNameError`."""
    known = {name.lower(): one for name, one in SOCS.items()}.get(model.lower())
    if known is not None:
        return known
    for vendor in VENDORS:
        if vendor.pattern.fullmatch(model):
            return Soc(model, vendor)
    raise UnknownNameError("SoC", model, SOCS)
