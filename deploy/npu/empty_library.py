"""A shared library with nothing in it, for a program that names one it does not need.

LiteRT's plugin for Qualcomm is linked with `libQnnLpai.so`, the backend of another processor than
the Hexagon, which Qualcomm's libraries for x86 do not include. The loader asks for the file, and
nothing calls it.
"""

from __future__ import annotations

import struct
from pathlib import Path

from edgebench.documents import replacing

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
ENTRY = struct.Struct("<qQ")
SYMBOL_BYTES = 24

X86_64 = 62
SHARED_OBJECT = 3
LOAD, DYNAMIC = 1, 2
READ_WRITE = 6
PAGE = 0x1000

# The entries of a dynamic section (ELF-64 Object File Format, version 1.5, figure 11).
NULL, HASH, STRTAB, SYMTAB, STRSZ, SYMENT, SONAME = 0, 4, 5, 6, 10, 11, 14


def write(path: Path) -> None:
    """Write an empty shared library for x86-64 Linux under its own name.

    Raises `UnwritableError`.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content(path.name))


def content(name: str) -> bytes:
    """The bytes of an empty ELF-64 shared library called `name`."""
    names = b"\0" + name.encode() + b"\0"
    start = HEADER.size + 2 * SEGMENT.size
    symbols_at = _aligned(start + len(names))
    hash_at = symbols_at + SYMBOL_BYTES
    table = struct.pack("<IIII", 1, 1, 0, 0)  # One bucket and one symbol: the empty one.
    dynamic_at = hash_at + len(table)
    entries = (
        (SONAME, 1),
        (HASH, hash_at),
        (STRTAB, start),
        (SYMTAB, symbols_at),
        (STRSZ, len(names)),
        (SYMENT, SYMBOL_BYTES),
        (NULL, 0),
    )
    dynamic = b"".join(ENTRY.pack(*entry) for entry in entries)
    size = dynamic_at + len(dynamic)
    identity = b"\x7fELF\x02\x01\x01"  # 64 bits, little-endian, version 1.
    header = HEADER.pack(
        *(identity, SHARED_OBJECT, X86_64, 1, 0, HEADER.size, 0, 0),
        *(HEADER.size, SEGMENT.size, 2, 64, 0, 0),
    )
    whole = SEGMENT.pack(LOAD, READ_WRITE, 0, 0, 0, size, size, PAGE)
    described = SEGMENT.pack(DYNAMIC, READ_WRITE, *(dynamic_at,) * 3, *(len(dynamic),) * 2, 8)
    return (header + whole + described + names).ljust(symbols_at, b"\0") + (
        bytes(SYMBOL_BYTES) + table + dynamic
    )


def _aligned(offset: int) -> int:
    return (offset + 7) // 8 * 8
