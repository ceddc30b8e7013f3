"""The command `tongtang`, and `python -m web`."""

from __future__ import annotations

import sys

from web.allocator import use_huge_pages


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        use_huge_pages()  # starts the process once more: before half a second of imports, not after it
    from web.cli import main as command

    command(prog_name="tongtang")


if __name__ == "__main__":
    main()
