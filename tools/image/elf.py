"""Reads from a 64-bit little-endian ELF file which libraries it needs, so that a missing one is found while building.

Asking the loader instead would find this machine's own libraries where the image has none.
Source: System V ABI, chapters 4 and 5.
"""

from __future__ import annotations

import struct
from pathlib import Path

MAGIC = b"\x7fELF\x02\x01"
LOAD, DYNAMIC = 1, 2  # kinds of program header
NEEDED, STRING_TABLE = 1, 5  # tags of a dynamic entry


def needed(file: Path) -> list[str]:
    """List the libraries that `file` names as needed; none if it is no ELF file, or static."""
    with file.open("rb") as head:
        if head.read(len(MAGIC)) != MAGIC:
            return []
    data = file.read_bytes()
    (offset,) = struct.unpack_from("<Q", data, 0x20)
    size, count = struct.unpack_from("<HH", data, 0x36)
    headers = [struct.unpack_from("<IIQQQQ", data, offset + index * size) for index in range(count)]
    loaded = [(address, start, length) for kind, _, start, address, _, length in headers if kind == LOAD]
    entries = [
        struct.unpack_from("<QQ", data, position)
        for kind, _, start, _, _, length in headers
        if kind == DYNAMIC
        for position in range(start, start + length, 16)
    ]
    tables = [value for tag, value in entries if tag == STRING_TABLE]
    if not tables:
        return []
    table = next(
        start + tables[0] - address
        for address, start, length in loaded
        if address <= tables[0] < address + length
    )
    return [_text(data, table + value) for tag, value in entries if tag == NEEDED]


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()
