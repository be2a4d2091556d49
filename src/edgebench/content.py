"""What a file or a folder holds, in memory, as one thing.

Some formats are a folder with a file for the network and one for its weights; what is said of an
artifact's content holds for both kinds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from edgebench import documents

# The bytes of a file, or those of a folder's files by their relative paths.
Content = bytes | Mapping[str, bytes]


def digest(content: Content) -> str:
    """What `edgebench.documents.sha256` gives for the content once it is written."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    return documents.folder_sha256(hashes)


def size_bytes(content: Content) -> int:
    """The size of the file, or of all the folder's files together."""
    return len(content) if isinstance(content, bytes) else sum(map(len, content.values()))


def write_content(path: Path, content: Content) -> None:
    """Write the file or the folder in place of what is at `path`. Raises `OSError`."""
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    documents.remove(path)
    path.mkdir()
    for name, data in content.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def read_content(path: Path) -> Content:
    """What `write_content` wrote. Raises `OSError`."""
    if not path.is_dir():
        return path.read_bytes()
    files = (file for file in path.rglob("*") if not file.is_dir())
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}
