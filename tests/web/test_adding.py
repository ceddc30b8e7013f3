"""What a node adds up beside its lectures, and the look at night."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest

from attendance.tables import judge_due, person_year, summary, summary_due, year_due
from tests.web.nodes import eventually, make_node, plant, serving
from web.adding import Adding, is_time
from web.node import Node

NIGHT = dt.datetime(2026, 11, 25, 3, 0, tzinfo=dt.UTC)


def test_it_looks_once_a_night_and_not_during_a_lecture() -> None:
    assert is_time(NIGHT, None, live=False)
    assert is_time(NIGHT, NIGHT.date() - dt.timedelta(days=1), live=False)
    assert not is_time(NIGHT, NIGHT.date(), live=False)
    assert not is_time(NIGHT, None, live=True)
    assert not is_time(NIGHT.replace(hour=9), None, live=False)


_WAITING = (judge_due, summary_due, year_due)


async def until_added(node: Node) -> None:
    """The running node has added up the only lecture."""

    async def added() -> bool:
        rows, *waiting = await node.db.read(
            lambda connection: [connection.execute(table.select()).all() for table in (person_year, *_WAITING)]
        )
        return bool(rows) and not any(waiting)

    await eventually(added)


async def test_a_node_adds_up_its_years_and_finds_what_is_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = make_node(tmp_path)
    async with serving(node):
        await plant(node)
        await node.people.import_csv("编号,姓名,所属场所\nA1,张三,5201\n".encode())
        lecture = await node.lectures.create("党课", 1)
        await node.lectures.start(lecture.id)
        await node.look()
        await node.log.capture(lecture=lecture.id, number="A1")
        await node.lectures.stop(lecture.id)
        await until_added(node)
    caplog.set_level(logging.INFO, "web.adding")
    async with node.opened():
        assert await Adding(node).audit() == (0, 0)
        await node.db.write(lambda c: c.execute(summary.update().values(present=7)) and None)
        assert await Adding(node).audit() == (1, 0)
        assert "of 1 lectures, and 0 rows" in caplog.text
        assert await node.summaries.refresh()
        await node.years.refresh()
        await node.db.write(lambda c: c.execute(person_year.update().values(lectures=7)) and None)
        assert await Adding(node).audit() == (0, 1)
        assert await Adding(node).audit() == (0, 0)
