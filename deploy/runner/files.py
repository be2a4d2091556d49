"""The plan's files: checked against their hashes, and read as what an artifact takes."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Iterator  # noqa: UP035

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
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    found = [os.path.join(where, name) for where, _, names in os.walk(path) for name in names]
    hashes = {os.path.relpath(file, path).replace(os.sep, "/"): hash_of(file) for file in found}
    lines = [f"{hashes[name]}  {name}\n" for name in sorted(hashes, key=str.encode)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def images(np: Any, folder: str, evaluation: Json) -> Iterator[Any]:
    """The evaluation images, each as the artifact's input in real values."""
    with np.load(checked(folder, evaluation["file"], evaluation["sha256"])) as archive:
        pixels = archive["images"]
    mean, std = (np.array(evaluation[name], "float32") for name in ("mean", "std"))
    for image in pixels:
        nhwc = (image[np.newaxis].astype("float32") / 255 - mean) / std
        yield nhwc.transpose(0, 3, 1, 2).transpose(evaluation["axes"])
