"""A Core ML package as the contents of its files, the same for the same model.

coremltools draws the identifiers of a package's parts at random and notes the day; here they
follow from the parts themselves.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgebench.content import Content, write_content
from edgebench.errors import InvalidFileError

_DATA = "com.apple.CoreML"
_MODEL, _WEIGHTS = f"{_DATA}/model.mlmodel", f"{_DATA}/weights"
_DATE = "com.github.apple.coremltools.conversion_date"


def packed(model: Any, metadata: Mapping[str, str]) -> dict[str, bytes]:
    """The files of a coremltools `MLModel`, with the user's metadata in it."""
    specification = model.get_spec()
    described = specification.description.metadata
    described.userDefined.pop(_DATE, None)
    described.userDefined.update(metadata)
    parts = {_MODEL: specification.SerializeToString(deterministic=True)}
    folder = Path(model.weights_dir)
    for file in sorted(folder.iterdir()):
        parts[f"{_WEIGHTS}/{file.name}"] = file.read_bytes()
    files = {f"Data/{name}": content for name, content in parts.items()}
    return files | {"Manifest.json": _manifest(parts)}


def _manifest(parts: Mapping[str, bytes]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(hashlib.sha256(parts[name]).digest())
    model, weights = (
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{digest.hexdigest()} {path}"))
        for path in (_MODEL, _WEIGHTS)
    )
    entries = {
        model: ("CoreML Model Specification", "model.mlmodel", _MODEL),
        weights: ("CoreML Model Weights", "weights", _WEIGHTS),
    }
    manifest = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": {
            identifier: {"author": _DATA, "description": text, "name": name, "path": path}
            for identifier, (text, name, path) in entries.items()
        },
        "rootModelIdentifier": model,
    }
    return json.dumps(manifest, indent=4).encode()


@contextmanager
def on_disk(content: Content) -> Iterator[Path]:
    """The package in a folder of its own while the block lasts. Raises `InvalidFileError`."""
    if isinstance(content, bytes):
        raise InvalidFileError("a Core ML package is a folder, not a file", "export it again")
    with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
        path = Path(folder) / "model.mlpackage"
        write_content(path, content)
        yield path
