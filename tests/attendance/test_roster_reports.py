"""Finding people, where they are and were at home, and lists of numbers: on both databases."""

from __future__ import annotations

import datetime as dt

import pytest

from attendance.number_list import NumberProblem, NumberRow, NumbersRefused
from attendance.people import person_id
from attendance.roster_reports import NotOnRoster, Rosters
from attendance.tables import person, person_home
from tests.attendance.world import PROVINCE, TOWNSHIP, VILLAGE, VILLAGE_2, VILLAGE_3, Site

AT = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)


async def gone(site: Site, number: str) -> None:
    """Somebody is off the roster."""
    key = person_id(number)
    await site.db.write(lambda c: c.execute(person.update().where(person.c.id == key).values(gone_at=AT)))


async def test_people_are_found_by_name_or_number_in_a_subtree(site: Site) -> None:
    rosters = Rosters(site.db)

    async def found(text: str, within: int = PROVINCE) -> list[str]:
        return [one.number for one in (await rosters.find(text, within)).people]

    assert await found("") == ["A1", "A2", "A3", "B1", "C1", "D1"]
    assert await found("", VILLAGE) == ["A1", "A2", "A3"]
    assert await found("ａ") == ["A1", "A2", "A3"]
    assert await found("古丽") == ["A3"]
    assert await found("赵六", VILLAGE) == []
    assert await found("%") == []
    page = await rosters.find("", PROVINCE, limit=2, offset=4)
    assert (page.total, [one.number for one in page.people]) == (6, ["C1", "D1"])
    assert [venue.code for venue in page.people[0].path] == ["P", "K9", "T2", "V3"]


async def test_a_person_has_a_home_and_those_before(site: Site) -> None:
    rosters, key = Rosters(site.db), person_id("A1")
    moves = [
        {"person_id": key, "until": AT, "venue_id": VILLAGE_3},
        {"person_id": key, "until": AT + dt.timedelta(days=9), "venue_id": VILLAGE_2},
        {"person_id": key, "until": AT - dt.timedelta(days=9), "venue_id": 99},
    ]
    await site.db.write(lambda c: c.execute(person_home.insert(), moves))
    one, before = await rosters.person(key)
    assert one.home is not None
    assert (one.name, one.home.code) == ("张三", "V1")
    assert [each.path[-1].code if each.path else None for each in before] == ["V2", "V3", None]
    with pytest.raises(NotOnRoster):
        await rosters.person(person_id("nobody"))


async def test_a_list_is_taken_whole_or_not_at_all(site: Site) -> None:
    rosters = Rosters(site.db)
    township = await site.venues.get(TOWNSHIP)
    await gone(site, "A3")
    rows = [NumberRow(line=line, number=number) for line, number in enumerate(["B1", "A1", "B1"], 1)]
    assert await rosters.take(rows, [], township) == (person_id("B1"), person_id("A1"))
    rows += [NumberRow(line=4, number="C1"), NumberRow(line=5, number="A3"), NumberRow(line=6, number="X")]
    with pytest.raises(NumbersRefused) as refused:
        await rosters.take(rows, [NumberProblem(7, "number_missing")], township)
    said = [(each.line, each.code) for each in refused.value.problems]
    assert said == [(4, "number_unknown"), (5, "number_unknown"), (6, "number_unknown"), (7, "number_missing")]
    ids = [person_id(number) for number in ("A3", "C1", "A1", "nobody")]
    assert [one.number for one in await rosters.of(ids, PROVINCE)] == ["A1", "A3", "C1"]
    assert [one.number for one in await rosters.of(ids, TOWNSHIP)] == ["A1", "A3"]
