"""What a camera's picture shows: the text of a QR code in a frame of grey bytes."""

from __future__ import annotations

from typing import ClassVar

from venues.errors import TongtangError

WIDEST, HIGHEST = 1280, 960


class FrameInvalid(TongtangError):
    """A frame has one byte for each of its points."""

    code: ClassVar[str] = "frame_invalid"
    status: ClassVar[int] = 422


def read_code(frame: bytes, width: int, height: int) -> str | None:
    """The QR code in the frame, one of digits before any other; None: there is none. Takes some milliseconds, and does
    not hold up other threads meanwhile. Raises FrameInvalid."""
    import zxingcpp  # here: a node that reads no cards does not need it

    if len(frame) != width * height or not frame:
        raise FrameInvalid
    qr = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    picture = memoryview(frame).cast("B", (height, width))
    found = [code.text for code in zxingcpp.read_barcodes(picture, formats=qr)]
    return next((text for text in found if text.isdigit()), found[0] if found else None)
