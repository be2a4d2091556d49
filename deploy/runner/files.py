"""The plan's files: checked against their hashes, and read as what an artifact takes."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, Any, Iterator  # noqa: UP035

from .messages import Json, RunnerError


def checked(folder: str, name: str, sha256: str) -> str:
    """The path of a file or folder, if it is the one of that hash. Raises `RunnerError`."""
    path = os.path.join(folder, name)
    try:
        found = hash_of(path)
    except OSError as error:
        raise RunnerError(f"cannot read {path}: {error.strerror}") from None
    if found != sha256:
        raise RunnerError(f"{path} has changed since the plan was made")
    return path


def hash_of(path: str) -> str:
    """SHA-256 of a file, or of a folder's listing as `sha256sum` prints it. Raises `OSError`."""
    if not os.path.isdir(path):
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            for part in iter(lambda: file.read(1 << 20), b""):
                digest.update(part)
        return digest.hexdigest()
    found = [os.path.join(where, name) for where, _, names in os.walk(path) for name in names]
    hashes = {os.path.relpath(file, path).replace(os.sep, "/"): hash_of(file) for file in found}
    lines = [f"{hashes[name]}  {name}\n" for name in sorted(hashes, key=str.encode)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


GREY = (0.299, 0.587, 0.114)
"""How red, green and blue make a grey value (ITU-R BT.601)."""


Inputs = dict[int, Any]
"""An artifact's inputs in real values, by their place among the file's."""


def stored_inputs(np: Any, folder: str, evaluation: Json, limit: int | None = None) -> Any:
    """The first inputs of an evaluation, streamed out of its .npz: one at a time is in memory.

    Iterating gives `Inputs`, and `count` is their number. `limit` is how many at most, None for
    all. Raises `RunnerError`.
    """
    kind = StoredArrays if evaluation.get("arrays") else StoredImages
    return kind(np, checked(folder, evaluation["file"], evaluation["sha256"]), evaluation, limit)


class StoredImages:
    """Images, each of which becomes the artifact's first input."""

    def __init__(self, np: Any, path: str, evaluation: Json, limit: int | None) -> None:
        self.np = np
        self.evaluation = evaluation
        self.images = StoredArray(np, path, "images", "image")
        shape, dtype = self.images.shape, self.images.dtype
        if dtype != "uint8" or len(shape) != 4 or shape[3] != 3:
            raise RunnerError(
                f"{path} has no images that can be read (they are {dtype} of shape {shape})"
            )
        self.count = shape[0] if limit is None else min(shape[0], limit)

    def __iter__(self) -> Iterator[Inputs]:
        np, evaluation = self.np, self.evaluation
        mean, std = (np.array(evaluation[name], "float32") for name in ("mean", "std"))
        for image in self.images.first(self.count):
            pixels = image[np.newaxis].astype("float32")
            if len(mean) == 1:
                pixels = pixels @ np.array(GREY, "float32")[:, np.newaxis]
            nhwc = (pixels / 255 - mean) / std
            yield {0: nhwc.transpose(0, 3, 1, 2).transpose(evaluation["axes"])}


class StoredArrays:
    """Arrays, one for each of the artifact's inputs."""

    def __init__(self, np: Any, path: str, evaluation: Json, limit: int | None) -> None:
        self.np = np
        self.wanted = evaluation["arrays"]
        self.arrays = [StoredArray(np, path, one["array"], "input") for one in self.wanted]
        count = min(array.shape[0] for array in self.arrays)
        self.count = count if limit is None else min(count, limit)

    def __iter__(self) -> Iterator[Inputs]:
        rows = [array.first(self.count) for array in self.arrays]
        for _ in range(self.count):
            yield {
                one["index"]: self.np.transpose(next(rows[place]), one["axes"])
                for place, one in enumerate(self.wanted)
            }


class StoredArray:
    """An array (N, ...) of an .npz, read row by row. `row` is what a row is called in errors."""

    def __init__(self, np: Any, path: str, name: str, row: str) -> None:
        self.np = np
        self.path = path
        self.name = name
        self.row = row
        with self._member() as member:
            self.shape, self.dtype = self._header(member)

    def first(self, count: int) -> Iterator[Any]:
        """The first rows, one at a time. Raises `RunnerError`."""
        size = int(self.np.prod(self.shape[1:], dtype="int64")) * self.dtype.itemsize
        with self._member() as member:
            self._header(member)
            for _ in range(count):
                content = member.read(size)
                if len(content) != size:
                    raise RunnerError(f"{self.path} ends within its {self.row}s")
                yield self.np.frombuffer(content, self.dtype).reshape(self.shape[1:])

    @contextmanager
    def _member(self) -> Iterator[IO[bytes]]:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.name + ".npy") as member:
                yield member
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise RunnerError(
                f"{self.path} has no {self.row}s that can be read ({error})"
            ) from None

    def _header(self, member: IO[bytes]) -> tuple[tuple[int, ...], Any]:
        form = self.np.lib.format
        version = form.read_magic(member)
        read = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
        shape, by_columns, dtype = read(member)
        if by_columns or not shape:
            raise ValueError(f"they are of shape {shape}, by columns")
        return tuple(int(side) for side in shape), dtype
