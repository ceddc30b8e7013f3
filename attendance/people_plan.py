"""What a list of people would change in the roster, before anything is written. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from attendance.people import Person, PersonProblem, PersonRow, folded_name, person_id
from venues.finding import Finder

_CANDIDATES = 5


@dataclass(frozen=True, kw_only=True)
class Change:
    before: Person
    after: Person


@dataclass(frozen=True, kw_only=True)
class Twin:
    """Somebody of the list whose unit holds the same name under other numbers: perhaps one person listed twice."""

    person: Person
    others: tuple[Person, ...]


@dataclass(frozen=True, kw_only=True)
class PeoplePlan:
    added: tuple[Person, ...] = ()
    renamed: tuple[Change, ...] = ()  # the name only
    moved: tuple[Change, ...] = ()  # to another unit, perhaps with another name
    unchanged: int = 0
    twins: tuple[Twin, ...] = ()

    @property
    def changed(self) -> list[Person]:
        return [change.after for change in (*self.renamed, *self.moved)]


def settle(rows: Iterable[PersonRow], finder: Finder) -> tuple[list[Person], list[PersonProblem]]:
    """People with the ids of their units; a problem for every row whose unit is not one venue of the tree."""
    people: list[Person] = []
    problems: list[PersonProblem] = []
    known: dict[str, int | PersonProblem] = {}
    for row in rows:
        if not row.venue:
            continue  # that is a problem already
        if row.venue not in known:
            known[row.venue] = _home(row, finder)
        home = known[row.venue]
        if isinstance(home, PersonProblem):
            problems.append(PersonProblem(row.line, home.code, home.fields))
        else:
            people.append(Person(id=person_id(row.number), number=row.number, name=row.name, home=home))
    return people, problems


def _home(row: PersonRow, finder: Finder) -> int | PersonProblem:
    found = finder.find(row.venue)
    if len(found) == 1:
        return found[0].id
    value = row.venue[:100]
    if not found:
        return PersonProblem(row.line, "venue_unknown", {"value": value})
    shown = sorted(found, key=lambda venue: venue.code)[:_CANDIDATES]
    candidates = "; ".join(f"{finder.path(venue)} ({venue.code})" for venue in shown)
    fields = {"value": value, "candidates": candidates}
    if len(found) > _CANDIDATES:
        return PersonProblem(row.line, "venue_ambiguous_more", fields | {"more": len(found) - _CANDIDATES})
    return PersonProblem(row.line, "venue_ambiguous", fields)


def plan(wanted: Sequence[Person], known: Mapping[str, Person]) -> PeoplePlan:
    """`wanted` has each person once; `known` is the roster by id. Nobody is removed."""
    added = [person for person in wanted if person.id not in known]
    changes = [
        Change(before=known[person.id], after=person)
        for person in wanted
        if person.id in known and known[person.id] != person
    ]
    return PeoplePlan(
        added=tuple(added),
        renamed=tuple(change for change in changes if change.before.home == change.after.home),
        moved=tuple(change for change in changes if change.before.home != change.after.home),
        unchanged=len(wanted) - len(added) - len(changes),
        twins=_twins([*added, *(change.after for change in changes)], {**known, **{one.id: one for one in wanted}}),
    )


def fingerprint(found: PeoplePlan) -> str:
    """The same for two plans that would write the same over the same: who has seen one has seen the other."""
    before = [change.before for change in (*found.renamed, *found.moved)]
    parts = [
        [[one.id, one.number, one.name, one.home] for one in group] for group in (found.added, before, found.changed)
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def homes_of(found: PeoplePlan) -> set[int]:
    """The ids of all units that the plan names."""
    people = [*found.added, *found.changed, *(change.before for change in found.moved)]
    return {person.home for person in people}


def _twins(news: Iterable[Person], everybody: Mapping[str, Person]) -> tuple[Twin, ...]:
    """Each group of equal names in a unit once, if it holds somebody who is new or changed."""
    groups: dict[tuple[int, str], list[Person]] = defaultdict(list)
    for person in everybody.values():
        groups[_place(person)].append(person)
    twins: dict[tuple[int, str], Twin] = {}
    for person in news:
        others = tuple(other for other in groups[_place(person)] if other.id != person.id)
        if others:
            twins.setdefault(_place(person), Twin(person=person, others=others))
    return tuple(twins.values())


def _place(person: Person) -> tuple[int, str]:
    return person.home, folded_name(person.name)
