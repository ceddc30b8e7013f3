"""A QR code as SVG text, for the venue's screen."""

from __future__ import annotations

import functools

_LONG = 100


@functools.lru_cache(maxsize=8)  # a screen asks each second for what changes each fifteen
def qr_svg(url: str) -> str:
    """One `<svg>` element without a size of its own: the page's style sheet gives it one."""
    import qrcode  # here: it brings a picture library along, for which no node should wait when it starts
    from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M
    from qrcode.image.svg import SvgPathImage

    # A screen is never soiled: a long address rather gets larger modules.
    level = ERROR_CORRECT_L if len(url) > _LONG else ERROR_CORRECT_M
    code = qrcode.QRCode(error_correction=level, border=4)  # 4 modules of quiet zone: ISO/IEC 18004 §9.1
    code.add_data(url)
    return code.make_image(image_factory=SvgPathImage).to_string(encoding="unicode")
