"""The anchors of SSDLite, as the two detectors that we have them from lay them out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgebench.models.kinds import HEADED
from edgebench.models.spec import ModelSpec
from edgebench.tasks.anchors import Level

LEVELS = 6
RATIOS = (2, 3)

# torchvision's `ssdlite320_mobilenet_v3_large`: scales at even distances, and the last is 1.
_TORCHVISION_SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
# The coordinate attention authors' configuration for 320 pixels (github.com/houqb/
# ssdlite-pytorch-mobilenext): sizes of 45 to 315 pixels, and how far the cells of each map are
# apart. The fourth map has three cells, 120 pixels apart, so that they do not fill the input.
_AUTHORS_SCALES = tuple(45 * number / 320 for number in range(1, LEVELS + 2))
# The digits of the built-in scenes fill 0.2 to 0.38 of an image: the first map finds all of them.
_SCENES_SCALES = (0.25, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_AUTHORS_SIZE = 320
_AUTHORS_STEPS = (16, 32, 64, 120, 160, 320)


def torchvisions(spec: ModelSpec) -> bool:
    """Whether a backbone's detector is torchvision's; others are the authors'."""
    assert spec.backbone in HEADED
    return spec.backbone.startswith("mobilenet_v3")


def ratios(spec: ModelSpec) -> tuple[tuple[int, ...], ...]:
    """The aspect ratios of each level. The authors leave one out on the last map, of one cell."""
    last = RATIOS if torchvisions(spec) else RATIOS[:1]
    return (*[RATIOS] * (LEVELS - 1), last)


def per_cell(spec: ModelSpec) -> tuple[int, ...]:
    """The number of anchors in a cell of each level."""
    return tuple(2 + 2 * len(each) for each in ratios(spec))


def levels(spec: ModelSpec) -> tuple[Level, ...]:
    """All anchors of a detector, by level.

    Liu et al., "SSD", ECCV 2016, section 2.2: a square of the level's scale, one of the geometric
    mean with the next, and for each ratio one that is wider and one that is higher.
    """
    scales = _TORCHVISION_SCALES if torchvisions(spec) else _AUTHORS_SCALES
    if spec.data == "scenes":
        scales = _SCENES_SCALES
    made = []
    for number, side in enumerate(grids(spec.input_size)):
        sizes = _sizes(scales[number], scales[number + 1], ratios(spec)[number])
        steps = None
        if not torchvisions(spec) and spec.input_size == _AUTHORS_SIZE:
            steps = (_AUTHORS_STEPS[number] / _AUTHORS_SIZE,) * 2
        made.append(Level(side, side, sizes, steps))
    return tuple(made)


def _sizes(scale: float, following: float, own: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """Widths and heights; none is larger than the input."""
    mean = math.sqrt(scale * following)
    sizes = [(scale, scale), (mean, mean)]
    for ratio in own:
        wide, narrow = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
        sizes += [(wide, narrow), (narrow, wide)]
    return tuple((min(width, 1.0), min(height, 1.0)) for width, height in sizes)


def grids(input_size: int) -> tuple[int, ...]:
    """The side of each map: stride 16, and then halved again and again, rounded up."""
    sides = [input_size]
    for _ in range(4 + LEVELS - 1):
        sides.append(-(-sides[-1] // 2))
    return tuple(sides[4:])
