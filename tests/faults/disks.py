"""Disks that are too small: a tmpfs of a few megabytes under a node's data folder, or a limit on what its process may
write. And copies of a node's disk, as a backup is one."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from tests.faults.stage import Site, Stage

_SIZE_KB = 24 * 1024
_SLACK = 4096


class Disk(Protocol):
    """Of one node. Between `fill` and `clear` nothing more goes onto it. `how` it is made small, for the table."""

    @property
    def how(self) -> str: ...

    def fill(self, *, leave: int = 0) -> None:
        """`leave`: bytes that still fit."""

    def clear(self) -> None: ...


class SmallDisk:
    """A tmpfs. It is filled by a file beside the database, as by somebody's films."""

    how = "tmpfs"

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "films"

    def fill(self, *, leave: int = 0) -> None:
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(_SLACK))
        if leave:
            with self._ballast.open("r+b") as file:
                file.truncate(max(0, self._ballast.stat().st_size - leave))

    def clear(self) -> None:
        self._ballast.unlink(missing_ok=True)


class Quota:
    """A limit on the size of each file that the node's process writes (EFBIG, as a quota says EDQUOT)."""

    how = "quota"

    def __init__(self, site: Site) -> None:
        self._site = site

    def fill(self, *, leave: int = 0) -> None:
        self._limit(_SLACK)  # less than any of its files has, so that none can be written where it ends

    def clear(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        assert self._site.process is not None
        _, hard = resource.prlimit(self._site.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._site.process.pid, resource.RLIMIT_FSIZE, (size, hard))


@contextlib.asynccontextmanager
async def small_disk(site: Site) -> AsyncIterator[Disk]:
    """The data folder of a node that is not running on a disk of its own; where nobody may mount one, a quota."""
    folder = site.folder / site.level
    packed = folder.with_name(f"{folder.name}.moved")
    await asyncio.to_thread(shutil.copytree, folder, packed)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_KB}k,mode=700", "tmpfs", str(folder)]
    mounted = await asyncio.to_thread(subprocess.run, mount, check=False, capture_output=True)
    if mounted.returncode != 0:
        yield Quota(site)
        return
    try:
        await asyncio.to_thread(shutil.copytree, packed, folder, dirs_exist_ok=True)
        yield SmallDisk(folder)
    finally:
        if site.process is not None:
            await site.process.kill()
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(folder)], check=False)


def disk_of(level: str, stage: Stage) -> Path:
    return stage[level].folder / level


async def back_up(level: str, stage: Stage, name: str) -> Path:
    """A copy of the disk of a node, running or not, as its backup at night makes it."""
    folder, copy = disk_of(level, stage), stage[level].folder / name
    await asyncio.to_thread(_copy, folder, copy)
    return copy


def _copy(folder: Path, copy: Path) -> None:
    ignored = shutil.ignore_patterns("tongtang.db*", "films")
    shutil.copytree(folder, copy, ignore=ignored)
    with (
        contextlib.closing(sqlite3.connect(folder / "tongtang.db")) as source,
        contextlib.closing(sqlite3.connect(copy / "tongtang.db")) as target,
    ):
        source.backup(target)


async def set_back(level: str, stage: Stage, backup: Path) -> None:
    """The node dies, and stands there again with the disk that it had when it was backed up."""
    await stage.kill(level)
    folder = disk_of(level, stage)
    await asyncio.to_thread(shutil.rmtree, folder)
    await asyncio.to_thread(shutil.copytree, backup, folder)
    await stage.start(level)
    await stage.ready(level)
