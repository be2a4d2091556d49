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


class StoredImages:
    """The first images of an evaluation, streamed out of its .npz: one at a time is in memory.

    Each is the artifact's input in real values. `limit` is how many at most, None for all. Raises
    `RunnerError`.
    """

    def __init__(self, np: Any, folder: str, evaluation: Json, limit: int | None = None) -> None:
        self.np = np
        self.evaluation = evaluation
        self.path = checked(folder, evaluation["file"], evaluation["sha256"])
        with self._member() as member:
            count = self._header(member)[0]
        self.count = count if limit is None else min(count, limit)

    def __iter__(self) -> Iterator[Any]:
        np, evaluation = self.np, self.evaluation
        mean, std = (np.array(evaluation[name], "float32") for name in ("mean", "std"))
        with self._member() as member:
            shape = self._header(member)[1:]
            size = int(np.prod(shape, dtype="int64"))
            for _ in range(self.count):
                content = member.read(size)
                if len(content) != size:
                    raise RunnerError(f"{self.path} ends within its images")
                pixels = np.frombuffer(content, "uint8").reshape((1, *shape)).astype("float32")
                if len(mean) == 1:
                    pixels = pixels @ np.array(GREY, "float32")[:, np.newaxis]
                nhwc = (pixels / 255 - mean) / std
                yield nhwc.transpose(0, 3, 1, 2).transpose(evaluation["axes"])

    @contextmanager
    def _member(self) -> Iterator[IO[bytes]]:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open("images.npy") as member:
                yield member
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise RunnerError(f"{self.path} has no images that can be read ({error})") from None

    def _header(self, member: IO[bytes]) -> tuple[int, ...]:
        """The shape of the images, (N, H, W, 3)."""
        form = self.np.lib.format
        version = form.read_magic(member)
        read = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
        shape, by_columns, dtype = read(member)
        if by_columns or dtype != "uint8" or len(shape) != 4 or shape[3] != 3:
            raise ValueError(f"they are {dtype} of shape {shape}")
        return tuple(int(side) for side in shape)
