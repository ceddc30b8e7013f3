"""Which venue somebody means who writes a code, a name, or a path of names ("南明区/新华街道/宝山村"). Pure."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from venues.tree import Venue

SEPARATOR = "/"


class Finder:
    """The venues of a tree by everything that a list may call them."""

    def __init__(self, venues: Iterable[Venue]) -> None:
        self._by_id = {venue.id: venue for venue in venues}
        self._by_code = {venue.code: venue for venue in self._by_id.values()}
        self._by_name: dict[str, list[Venue]] = defaultdict(list)
        for venue in self._by_id.values():
            self._by_name[_folded(venue.name)].append(venue)

    def find(self, text: str) -> Sequence[Venue]:
        """All venues that `text` may mean: one is the answer, none and several are a question.

        A code counts before a name. A path ends in the venue's own name; the names before it are venues above it in
        their order, and levels may be left out.
        """
        if text in self._by_code:
            return [self._by_code[text]]
        folded = _folded(text)
        if folded in self._by_name:
            return self._by_name[folded]
        *above, name = _parts(folded)
        return [venue for venue in self._by_name.get(name, ()) if self._lies_below(venue, above)]

    def path(self, venue: Venue) -> str:
        """The names from the top to the venue itself, as a list may write them."""
        names = [venue.name, *(each.name for each in self._above(venue))]
        return SEPARATOR.join(reversed(names))

    def paths(self, ids: Iterable[int]) -> dict[int, str]:
        """The same for many by their ids; those that are not in the tree are left out."""
        return {id_: self.path(self._by_id[id_]) for id_ in ids if id_ in self._by_id}

    def _lies_below(self, venue: Venue, names: Sequence[str]) -> bool:
        wanted = list(names)
        for each in self._above(venue):
            if wanted and _folded(each.name) == wanted[-1]:
                wanted.pop()
        return not wanted

    def _above(self, venue: Venue) -> Iterable[Venue]:
        seen = {venue.id}
        while venue.parent_id in self._by_id and venue.parent_id not in seen:
            venue = self._by_id[venue.parent_id]
            seen.add(venue.id)
            yield venue


def _parts(folded: str) -> list[str]:
    return [part for part in folded.split(SEPARATOR) if part] or [""]


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()
