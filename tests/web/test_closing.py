"""Handing in over HTTP: what the operator sees, and what the report concludes from it."""

from __future__ import annotations

from pathlib import Path

from attendance.people import person_id
from tests.web.nodes import add_user, client, make_node, plant, serving
from web.policy import Role

PEOPLE = "编号,姓名,所属场所\n0001,张秀英,52\n0002,王建国,52\n0003,李桂芳,5201\n"


async def test_who_is_absent_is_said_when_the_venue_has_handed_in(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    async with serving(node) as server, client(server.url) as caller:
        venues = await plant(node)
        await add_user(node, "operator", Role.OPERATOR, venues["52"].id)
        await node.people.import_csv(PEOPLE.encode())
        lecture = (await node.lectures.create("党课", venues["52"].id)).id
        await node.lectures.start(lecture)
        await caller.sign_in("operator")
        path = f"/api/lectures/{lecture}/closing"

        async def absent() -> tuple[object, ...]:
            row = (await caller("GET", f"/api/lectures/{lecture}/report")).body["rows"][0]
            return row["state"], row["venues_final"], row["absent"], row["not_reported"]

        await caller("POST", f"/api/lectures/{lecture}/check-ins", {"person": person_id("0001")})
        is_open = {"closed": False, "at": None, "operator": None, "events": None, "pending": 0}
        assert (await caller("GET", path)).body == is_open
        assert (await absent())[1:] == (0, 0, 2)
        assert (await caller("POST", path + "/reopen", {"reason": "x"})).code == "attendance_not_closed"
        first = await caller("POST", path, {})
        again = await caller("POST", path, {})
        assert (first.status, again.status, again.body["event"]) == (201, 200, first.body["event"])
        shown = (await caller("GET", path)).body
        assert (shown["closed"], shown["operator"], shown["events"]) == (True, "operator", 1)
        assert await absent() == ("final", 1, 1, 1)  # the city has not handed in
        late = await caller("POST", f"/api/lectures/{lecture}/check-ins", {"person": person_id("0002")})
        assert (late.status, late.code) == (409, "attendance_closed")
        assert (await caller("POST", path + "/reopen", {"reason": "漏了"})).status == 201
        assert (await absent())[1:] == (0, 0, 2)
