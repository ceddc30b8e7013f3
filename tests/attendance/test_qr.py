from __future__ import annotations

from xml.etree import ElementTree

from attendance import qr_svg


def test_one_svg_element() -> None:
    root = ElementTree.fromstring(qr_svg("http://10.0.0.1:8080/c/agequxnmsz3uxpgowmbatguak4.Q6KAHFITSYJT"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["viewBox"] == "0 0 41 41"  # version 4: 33 modules, and 4 of quiet zone on each side


def test_a_long_address_gets_larger_modules() -> None:
    root = ElementTree.fromstring(qr_svg("https://study.example/r/" + "a" * 142))
    assert root.attrib["viewBox"] == "0 0 57 57"  # version 8, level L; level M would need version 9 or 10
