"""Archives as NumPy and others write them, read by the core: it has its own ZIP and deflate."""

from __future__ import annotations

import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import swift_phone

pytestmark = pytest.mark.rig


def read(path: Path, name: str = "images") -> str:
    """What the core says of an array."""
    done = subprocess.run(
        [*swift_phone.start_program(), "read", str(path), name],
        capture_output=True,
        text=True,
        env={"EDGEBENCH_EVALUATOR": "none"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def described(array: np.ndarray, order: str = "little") -> str:
    sides = " ".join(map(str, array.shape))
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return f"{order} {array.dtype.name} {sides} {digest}"


def archive(path: Path, array: np.ndarray, method: int, level: int | None, large: bool) -> None:
    content = io.BytesIO()
    np.save(content, array)
    with zipfile.ZipFile(path, "w", method, compresslevel=level) as made:
        made.writestr("another.npy", b"of no interest")
        with made.open("images.npy", "w", force_zip64=large) as member:
            member.write(content.getvalue())
        made.comment = b"PK\x05\x06 is how the end of an archive begins"


@pytest.mark.parametrize("kind", ["noise", "steps", "zeros", "words"])
def test_what_was_written_is_read(tmp_path: Path, kind: str) -> None:
    chance = np.random.default_rng(5)
    array = {
        "noise": chance.integers(0, 256, (3, 41, 37, 3)).astype("uint8"),
        "steps": np.repeat(np.arange(4000, dtype="int32"), 50).reshape(8, -1),
        "zeros": np.zeros((2, 400, 400), "float32"),
        "words": np.frombuffer(b"the same few words, again and " * 9000, "uint8").reshape(100, -1),
    }[kind]
    for method, level in ((0, None), (8, 1), (8, 6), (8, 9)):
        path = tmp_path / f"{method}{level}.npz"
        archive(path, array, method, level, large=level == 6)
        assert read(path) == described(array), (method, level)


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", "i1", "i2", "u2", "i4", "i8", "?", ">f4", ">i2"]
)
def test_types_and_byte_orders_are_known(tmp_path: Path, dtype: str) -> None:
    array = np.arange(24).reshape(4, 6).astype(dtype)
    np.savez_compressed(tmp_path / "a.npz", images=array)
    order = "big" if dtype.startswith(">") else "little"
    assert read(tmp_path / "a.npz") == described(array, order)


def test_what_is_damaged_or_of_another_kind_is_said(tmp_path: Path) -> None:
    array = np.random.default_rng(5).integers(0, 9, (60, 70)).astype("uint8")
    np.savez_compressed(tmp_path / "whole.npz", images=array)
    whole = (tmp_path / "whole.npz").read_bytes()
    for number, content in enumerate((b"", b"PK", whole[:300], whole[300:])):
        path = tmp_path / f"{number}.npz"
        path.write_bytes(content)
        assert "has no rows that can be read" in read(path), number
    flipped = bytearray(whole)
    for place in range(80, 1200, 7):
        flipped[place] ^= 0xFF
    (tmp_path / "flipped.npz").write_bytes(flipped)
    assert read(tmp_path / "flipped.npz") != described(array)
    for words, said in (
        ({"other": array}, "there is no images.npy in the archive"),
        ({"images": np.asfortranarray(array)}, "by columns"),
        ({"images": np.array(3.0)}, "images.npy has no rows"),
        ({"images": np.array(["text"])}, "of another kind"),
    ):
        np.savez(tmp_path / "a.npz", **words)
        assert said in read(tmp_path / "a.npz")
