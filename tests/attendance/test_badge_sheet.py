"""The sheets are read back from the PDF itself: its rectangles are drawn into a picture, its texts decoded."""

from __future__ import annotations

import base64
import re
import zlib

from attendance import badge
from attendance.badge_reports import Printed
from attendance.badge_sheet import modules, printable, sheets
from attendance.camera import read_code
from venues.identity import NodeKey

KEY = NodeKey.make(bytes(range(32)))
WIDE, HIGH, DOTS = 210, 297, 4  # mm, points per mm


def printed(number: int, name: str = "张秀英", home: str = "新华街道 宝山村") -> Printed:
    payload = badge.payload(1, number, KEY)
    return Printed(name=name, number=f"00{number}", home=home, card=number, payload=payload)


def pages(pdf: bytes) -> list[bytes]:
    """The drawing commands of each page."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    return [zlib.decompress(base64.a85decode(one.strip().removesuffix(b"~>"))) for one in streams]


def picture(page: bytes) -> bytes:
    """What the filled rectangles look like: grey bytes."""
    width, height = WIDE * DOTS, HIGH * DOTS
    rows = [bytearray(b"\xff" * width) for _ in range(height)]
    for found in re.findall(rb"([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re\b", page):
        x, y, wide, high = (float(value) * DOTS for value in found)
        first, last = round(x), round(x + wide)
        for row in range(round(height - y - high), round(height - y)):
            rows[row][first:last] = bytes(last - first)
    return b"".join(rows)


def texts(page: bytes) -> list[str]:
    """What is written, in order (the CMap UniGB-UCS2-H: two bytes for each character)."""

    def plain(text: bytes) -> str:
        octal = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), text)
        return re.sub(rb"\\([()\\])", rb"\1", octal).decode("utf-16-be")

    return [plain(one) for one in re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", page, re.DOTALL)]


def test_every_card_of_a_sheet_can_be_read() -> None:
    cards = [printed(number) for number in range(1, 12)]
    first, second = pages(sheets(cards))
    one = read_code(picture(second), WIDE * DOTS, HIGH * DOTS)
    assert one == cards[10].payload
    grey = picture(first)
    read = set()
    for card in range(10):  # one at a time: everything else is made white
        left, top = (19 + card % 2 * 86) * DOTS, (13 + card // 2 * 54) * DOTS
        rows = [grey[row * WIDE * DOTS :][: WIDE * DOTS] for row in range(top, top + 54 * DOTS)]
        shown = b"".join(row[left : left + 86 * DOTS] for row in rows)
        read.add(read_code(shown, 86 * DOTS, 54 * DOTS))
    assert read == {card.payload for card in cards[:10]}


def test_a_card_says_whose_it_is() -> None:
    (page,) = pages(sheets([printed(4821, "张秀英")]))
    assert texts(page) == ["签到卡", "张秀英", "编号 004821", "新华街道 宝山村", "0000 0000 0000 0004 821"]
    (page,) = pages(sheets([printed(1)], title="Check-in card", numbered="No. {number}"))
    assert texts(page)[0] == "Check-in card"
    assert "No. 001" in texts(page)


def test_long_names_and_homes_stay_on_the_card() -> None:
    name, home = "阿卜杜热合曼·阿卜杜热西提江", "三都水族自治县 " + "很长的名称" * 10
    (page,) = pages(sheets([printed(1, name, home)]))
    _, *lines, _ = texts(page)
    assert "".join(lines[:2]) == name.replace("·", "・")
    assert len(lines) == 6
    assert lines[-1].endswith("...")
    (page,) = pages(sheets([printed(1, "x" * 100, "")]))
    assert texts(page)[2].endswith("...")


def test_what_the_font_lacks_is_marked() -> None:
    assert printable("赵𬭎—…·喆") == "赵〓-...・喆"


def test_the_code_holds_digits_only_and_is_small() -> None:
    rows = modules(badge.payload(1, 1, KEY))
    assert len(rows) == len(rows[0]) == 37  # version 5: digits take 10 bits for three
