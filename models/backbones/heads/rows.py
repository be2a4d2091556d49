"""The models with a head, and what the papers say of them. Needs no framework."""

from __future__ import annotations

from typing import NamedTuple

from edgebench.models.spec import Published


class HeadRow(NamedTuple):
    """A composed name and the cost of its network; see `ModelSpec`. Of those that are `shipped`
    there are weights."""

    name: str
    parameters: int
    madds: int
    multiplies: int
    shipped: bool = False


_CA = "Hou et al., Coordinate Attention, CVPR 2021, "
_DETECTION, _SEGMENTATION = _CA + "object detection on COCO", _CA + "segmentation of VOC"
PUBLISHED = {
    "ssdlite_mobilenet_v2": Published(4.3, None, None, _DETECTION, "AP 22.3"),
    "ssdlite_mobilenet_v2_se": Published(4.7, None, None, _DETECTION, "AP 23.7"),
    "ssdlite_mobilenet_v2_ca": Published(4.8, None, None, _DETECTION, "AP 24.5"),
    "deeplabv3_mobilenet_v2": Published(4.5, None, None, _SEGMENTATION, "mIoU 70.8"),
    "deeplabv3_mobilenet_v2_se": Published(4.9, None, None, _SEGMENTATION, "mIoU 71.7"),
    "deeplabv3_mobilenet_v2_cbam": Published(4.9, None, None, _SEGMENTATION, "mIoU 71.3"),
    "deeplabv3_mobilenet_v2_ca": Published(5.0, None, None, _SEGMENTATION, "mIoU 73.3"),
}

ROWS = (
    HeadRow("ssdlite_mobilenet_v2", 4304138, 748170112, 0),
    HeadRow("ssdlite_mobilenet_v2_se", 4687474, 748546048, 3878400),
    HeadRow("ssdlite_mobilenet_v2_ca", 4749914, 756587392, 7756800),
    HeadRow("ssdlite_mobilenext", 4637978, 844465664, 0),
    HeadRow("ssdlite_mobilenext_ca", 5293713, 856190464, 14694400),
    HeadRow("ssdlite_mobilenet_v3_large", 3440060, 583171904, 1123200),
    HeadRow("ssdlite_mobilenet_v3_large_ca", 2783665, 585600704, 2246400),
    HeadRow("deeplabv3_mobilenet_v2", 4523541, 5070209024, 0),
    HeadRow("deeplabv3_mobilenet_v2_se", 4906877, 5070584960, 12582912),
    HeadRow("deeplabv3_mobilenet_v2_cbam", 4908477, 5076480256, 25165824),
    HeadRow("deeplabv3_mobilenet_v2_ca", 4969317, 5089869824, 25165824),
    HeadRow("deeplabv3_mobilenext", 9224069, 9853026304, 0),
    HeadRow("deeplabv3_mobilenet_v3_large", 11025477, 9825968000, 5111808),
    HeadRow("lraspp_mobilenet_v2", 1897290, 2436014080, 0),
    HeadRow("lraspp_mobilenet_v2_ca", 2343066, 2455674880, 25165824),
    HeadRow("lraspp_mobilenet_v3_large", 3221538, 1974665088, 5111808),
    HeadRow("lraspp_mobilenet_v3_large_ca", 2004353, 1985703936, 10223616),
    HeadRow("ssdlite_scenes_v2", 494352, 10985256, 0, True),
    HeadRow("ssdlite_scenes_v2_se", 544284, 11032488, 138672, True),
    HeadRow("ssdlite_scenes_v2_ca", 568194, 11493288, 277344, True),
    HeadRow("lraspp_scenes_v2", 261782, 13802304, 0, True),
    HeadRow("lraspp_scenes_v2_se", 311714, 13849536, 171072, True),
    HeadRow("lraspp_scenes_v2_ca", 335624, 14449728, 342144, True),
)
