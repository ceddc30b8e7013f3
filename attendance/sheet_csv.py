"""A sheet as CSV: UTF-8 with a byte order mark (Excel takes it for the local code page otherwise), RFC 4180."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from attendance.cells import harmless
from attendance.sheet import Sheet, plain

_PIECE = 64 * 1024  # characters


def csv_pieces(sheet: Sheet) -> Iterator[bytes]:
    """The headings, then one line per row: programs read it, so title and signatures are left out."""
    text = io.StringIO(newline="")
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow([heading.title for heading in sheet.headings])
    kinds = [heading.kind for heading in sheet.headings]
    for row in sheet.rows:
        writer.writerow([harmless(plain(cell, kind, sheet.zone)) for cell, kind in zip(row, kinds, strict=True)])
        if text.tell() > _PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()
