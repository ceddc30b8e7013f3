"""How a node's process gets its memory. Imports next to nothing: it is done before everything else is loaded."""

from __future__ import annotations

import os
import sys

_TUNABLES = "GLIBC_TUNABLES"


def use_huge_pages() -> None:
    """Start this process once more, as itself, with an allocator that asks for huge pages: the keys of a thousand
    sessions lie all over the memory, and finding their pages was a fifth of what it cost to protect a packet (glibc
    manual, "Memory Allocation Tunables"). Where the variable is set already, nothing happens; it means nothing to other
    C libraries."""
    if sys.platform == "linux" and _TUNABLES not in os.environ:
        os.environ[_TUNABLES] = "glibc.malloc.hugetlb=1"
        os.execv(sys.executable, sys.orig_argv)
