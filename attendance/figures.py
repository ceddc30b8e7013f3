"""The figures of a lecture, added up the tree: pure sums over what is known of each single venue.

Two bases that are never mixed. *Attended*: people are counted where they were. *Home*: people are counted where they
are at home, wherever they were. A guest of a venue is somebody who was in it or below it and is at home neither in it
nor below it, so guests do not add up: a guest of a village may be at home in its township.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

Path = Mapping[int, int]  # level counted from 1 -> the venue's ancestor (or itself) there
NOWHERE: Path = {}


@dataclass(kw_only=True)
class Figures:
    """Of one venue and all below it. `unseen`: expected, and nothing at all is known of them."""

    # attended basis
    present: int = 0
    guests: int = 0
    late: int = 0
    early: int = 0
    attended: int = 0  # long enough for the policy
    seconds: int = 0
    # home basis
    expected: int = 0
    came: int = 0
    came_late: int = 0
    came_early: int = 0
    leave: int = 0
    makeup: int = 0
    marked_absent: int = 0  # somebody said so
    unseen_final: int = 0  # at home in a venue that has handed in, all of which is here
    unseen_open: int = 0
    credit: int = 0  # hundredths of credit hours
    # venues
    final: int = 0
    incomplete: int = 0  # have handed in, and not all of it is here
    picture_s: int = 0  # of the lecture, at all venues together
    sound_s: int = 0
    told_s: int = 0  # how much of it their screens have told of
    shown: int = 0  # venues whose screens told, whether there was picture or sound or neither
    headcount: int = 0  # of the venues that counted
    counted: int = 0
    counted_present: int = 0  # those who checked in at these
    seen: int = 0  # at the last presence check, of the venues that held one
    checked: int = 0
    checked_present: int = 0

    def parts(self) -> list[tuple[str, int]]:
        """What is not zero: of a single venue, very little."""
        told = vars(self)
        return [(name, told[name]) for name in NAMES if told[name]]

    def take(self, parts: Iterable[tuple[str, int]]) -> None:
        told = vars(self)
        for name, value in parts:
            told[name] += value


NAMES = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True, kw_only=True)
class Group:
    """People of one lecture who attended in `venue` (null: attended basis not meant) and are at home in `home`."""

    venue: int
    home: int | None
    people: int
    late: int
    early: int
    attended: int
    seconds: int


@dataclass(frozen=True, kw_only=True)
class HomeGroup:
    """People at home in `home`, by status; `credit` in hundredths."""

    home: int
    status: str
    people: int
    late: int
    early: int
    credit: int


@dataclass(frozen=True, kw_only=True)
class VenueTold:
    """What a single venue told of itself, see attendance.venue_record."""

    venue: int
    picture_s: int
    sound_s: int
    told_s: int
    headcount: int | None
    checks: int
    seen: int


class Sums:
    """`found`: by wanted venue (-> its level, counted from 1) the figures of it and of all below it, filled one basis
    after the other."""

    def __init__(self, wanted: Mapping[int, int]) -> None:
        self.found = {venue: Figures() for venue in wanted}
        self._levels = sorted(set(wanted.values()))

    def _above(self, path: Path) -> Iterator[tuple[int, int, Figures]]:
        """The wanted venues on a path: level, venue, figures."""
        for level in self._levels:
            row = path.get(level)
            if row is not None and (figures := self.found.get(row)) is not None:
                yield level, row, figures

    def attended(self, groups: Iterable[Group], paths: Mapping[int, Path]) -> None:
        """Those who were there."""
        for group in groups:
            home = paths.get(group.home or 0, NOWHERE)
            for level, row, figures in self._above(paths.get(group.venue, NOWHERE)):
                figures.present += group.people
                figures.guests += 0 if home.get(level) == row else group.people
                figures.late += group.late
                figures.early += group.early
                figures.attended += group.attended
                figures.seconds += group.seconds

    def at_home(
        self,
        groups: Iterable[HomeGroup],
        expected: Mapping[int, int],
        closed: Mapping[int, bool],
        paths: Mapping[int, Path],
    ) -> None:
        """What is known of the people at home. `expected`: people by home; `closed`: by venue that handed in, whether
        all of it is here."""
        homes: dict[int, Figures] = {home: Figures(expected=people) for home, people in expected.items()}
        for group in groups:
            figures = homes.setdefault(group.home, Figures())
            figures.credit += group.credit
            match group.status:
                case "present":
                    figures.came += group.people
                    figures.came_late += group.late
                    figures.came_early += group.early
                case "leave":
                    figures.leave += group.people
                case "makeup":
                    figures.makeup += group.people
                case _:
                    figures.marked_absent += group.people
        for home, figures in homes.items():
            known = figures.came + figures.leave + figures.makeup + figures.marked_absent
            unseen = max(0, figures.expected - known)
            if closed.get(home):
                figures.unseen_final = unseen
            else:
                figures.unseen_open = unseen
        for venue, complete in closed.items():
            figures = homes.setdefault(venue, Figures())
            figures.final += complete
            figures.incomplete += not complete
        for home, figures in homes.items():
            self._take(paths.get(home, NOWHERE), figures.parts())

    def told(self, records: Iterable[VenueTold], groups: Iterable[Group], paths: Mapping[int, Path]) -> None:
        """Picture, sound, headcounts and presence checks."""
        present: dict[int, int] = {}
        for group in groups:
            present[group.venue] = present.get(group.venue, 0) + group.people
        for one in records:
            self._take(paths.get(one.venue, NOWHERE), _told(one, present.get(one.venue, 0)))

    def _take(self, path: Path, parts: list[tuple[str, int]]) -> None:
        for _, _, figures in self._above(path):
            figures.take(parts)


def _told(one: VenueTold, present: int) -> list[tuple[str, int]]:
    parts: list[tuple[str, int]] = []
    if one.told_s:  # a screen that says that there was nothing has told
        parts += (("picture_s", one.picture_s), ("sound_s", one.sound_s), ("told_s", one.told_s), ("shown", 1))
    if one.headcount is not None:
        parts += (("headcount", one.headcount), ("counted", 1), ("counted_present", present))
    if one.checks > 0:
        parts += (("seen", one.seen), ("checked", 1), ("checked_present", present))
    return parts
