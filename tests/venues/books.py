"""Workbooks for tests, real ones and such as nobody should open."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

import xlsxwriter


def book(*sheets: Sequence[Sequence[object]]) -> bytes:
    """An XLSX with these sheets ("Sheet1" …); None leaves a cell out."""
    content = io.BytesIO()
    made = xlsxwriter.Workbook(
        content, {"in_memory": True, "remove_timezone": True, "default_date_format": "yyyy-mm-dd"}
    )
    for rows in sheets:
        sheet = made.add_worksheet()
        for line, cells in enumerate(rows):
            for column, value in enumerate(cells):
                if value is not None:
                    sheet.write(line, column, value)
    made.close()
    return content.getvalue()


def with_parts(data: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The archive with some parts replaced or added."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, parts.get(name, old.read(name)))
        for name in parts.keys() - set(old.namelist()):
            new.writestr(name, parts[name])
    return content.getvalue()


def lying(data: bytes, name: str, size: int, crc: int) -> bytes:
    """The archive with another size and checksum of one part in its directory and in the part's own header."""
    changed = bytearray(data)
    for signature, at_crc, at_size, at_name in ((b"PK\3\4", 14, 22, 30), (b"PK\1\2", 16, 24, 46)):
        place = data.find(signature)
        while place >= 0 and data[place + at_name : place + at_name + len(name)] != name.encode():
            place = data.find(signature, place + 4)
        assert place >= 0
        struct.pack_into("<I", changed, place + at_crc, crc)
        struct.pack_into("<I", changed, place + at_size, size)
    return bytes(changed)
