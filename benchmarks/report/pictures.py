"""Images with what the source model and the device say of them, side by side.

An image is a PNG inside the page; boxes are drawn over it as SVG, and the classes of a map as a
second PNG that is partly transparent.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from edgebench.benchmarks.formatting import whole
from edgebench.benchmarks.results.pictures import Gallery, PictureAnswer
from edgebench.tasks.task import Array

# Colours of classes, far apart from one to the next; those of the page are for models.
_COLOURS = (
    *((230, 25, 75), (60, 180, 75), (0, 130, 200), (245, 130, 48), (145, 30, 180)),
    *((70, 240, 240), (240, 50, 230), (210, 245, 60), (250, 190, 212), (0, 128, 128)),
)
_COVERED = 150
"""How much of the image a class hides, of 255."""


@dataclass(frozen=True)
class Pair:
    """An image twice: with what the source model says, and with what the device does."""

    caption: str
    source: Markup
    source_words: str
    device: Markup
    device_words: str


@dataclass(frozen=True)
class Wall:
    """The images of an artifact."""

    name: str
    hint: str
    pairs: tuple[Pair, ...]


def walls(galleries: Iterable[Gallery]) -> list[Wall]:
    """The galleries, drawn."""
    return [
        Wall(
            name=one.slot,
            hint=f"{one.changed} of {one.compared} images changed; "
            f"{len(one.images)} that changed most:",
            pairs=tuple(
                Pair(
                    caption=f"image {image.number}: {whole(image.share)} agree",
                    source=_drawn(image.pixels, image.source),
                    source_words=image.source.words,
                    device=_drawn(image.pixels, image.device),
                    device_words=image.device.words,
                )
                for image in one.images
            ),
        )
        for one in galleries
    ]


def _drawn(pixels: Array, answer: PictureAnswer) -> Markup:
    height, width = pixels.shape[:2]
    parts = [_image(png(pixels), width, height)]
    if answer.drawing.map is not None:
        parts.append(_image(png(_coloured(answer.drawing.map)), width, height))
    line = max(width, height) / 150
    for box in answer.drawing.boxes:
        colour = "rgb({}, {}, {})".format(*_COLOURS[box.kind % len(_COLOURS)])
        parts.append(
            Markup(
                '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="none" '
                'stroke="{}" stroke-width="{:.2f}"><title>{}</title></rect>'
            ).format(
                box.left,
                box.top,
                box.right - box.left,
                box.bottom - box.top,
                colour,
                line,
                box.words,
            )
        )
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, answer.words, Markup("").join(parts)
    )


def _image(content: bytes, width: int, height: int) -> Markup:
    text = base64.b64encode(content).decode()
    return Markup(
        '<image href="data:image/png;base64,{}" width="{}" height="{}" preserveAspectRatio="none"/>'
    ).format(text, width, height)


def _coloured(classes: Array) -> Array:
    """A map (height, width) as colours (height, width, 4); class 0 is transparent."""
    table = np.array([_COLOURS[(kind - 1) % len(_COLOURS)] for kind in range(256)], np.uint8)
    kinds = np.minimum(classes, 255).astype(np.uint8)
    covered = np.where(kinds > 0, _COVERED, 0).astype(np.uint8)
    return np.concatenate([table[kinds], covered[..., None]], -1)


def png(pixels: Array) -> bytes:
    """Pixels (height, width, 3 or 4) uint8 as a PNG file (ISO/IEC 15948), without filters."""
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = np.asarray(pixels, np.uint8).reshape(height, -1)
    header = struct.pack(">2I5B", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check
