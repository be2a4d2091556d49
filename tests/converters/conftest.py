"""Small real models and files that the converter tests share."""

from __future__ import annotations

from pathlib import Path

# With PyTorch in sight, before edgebench imports it without: some tests convert modules with it.
import coremltools  # noqa: F401
import numpy as np
import onnx
import pytest
from PIL import Image
from tiny_models import Write, tiny_cnn


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a model (by default the tiny one) and give its path."""

    def write_model(model: onnx.ModelProto | None = None, name: str = "tiny.onnx") -> Path:
        path = tmp_path / name
        onnx.save(model or tiny_cnn(), path)
        return path

    return write_model


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat folder of 16 small pictures of smooth colour."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(3)
    for i in range(16):
        coarse = rng.integers(0, 255, (4, 4, 3), np.uint8)
        Image.fromarray(coarse).resize((24, 24)).save(folder / f"{i:02}.png")
    return folder
