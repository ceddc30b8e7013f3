"""What a venue's screen tells its node, and how the report says it."""

from __future__ import annotations

from tests.web.nodes import Answer
from tests.web.test_screen import Scene, scene

__all__ = ["scene"]


async def tell(scene: Scene, number: int, picture_ms: int = 10_000, sound_ms: int = 9_000) -> Answer:
    period = {"number": number, "ago_ms": 0, "span_ms": 10_000, "picture_ms": picture_ms, "sound_ms": sound_ms}
    body = {"screen": "screen-1", "periods": [period]}
    return await scene.operator("POST", f"/api/lectures/{scene.lecture.id}/picture", body)


async def test_a_screen_tells_and_the_report_says_it_in_one_line(scene: Scene) -> None:
    lectures = scene.server.node.lectures
    await lectures.start(scene.lecture.id)
    for number in range(1, 8):
        scene.clock.forward(10)
        answer = await tell(scene, number)
        assert answer.status == 200
    assert answer.body == {"picture_s": 70, "sound_s": 63, "told_s": 70}
    assert (await tell(scene, 7)).body == answer.body  # once more the same
    path = f"/api/lectures/{scene.lecture.id}"
    assert (await scene.operator("GET", f"{path}/picture")).body == answer.body
    roll = (await scene.operator("GET", f"{path}/roll-call")).body
    assert (roll["picture_s"], roll["sound_s"], roll["told_s"]) == (70, 63, 70)
    people = roll["people"]
    assert (await scene.operator("POST", f"{path}/check-ins", {"person": people[0]["person"]})).status == 201
    assert (await scene.operator("POST", f"{path}/headcounts", {"people": 2})).status == 201
    assert (await scene.operator("POST", f"{path}/closing", {})).status == 201
    await lectures.stop(scene.lecture.id)
    told = (await scene.operator("GET", f"{path}/report")).body["rows"][0]["told"]
    assert (told["shown"], told["picture"], told["counted_present"], told["headcount"]) == (1, 1.0, 1, 2)
    page = (await scene.operator("GET", f"/lectures/{scene.lecture.id}/report")).body
    assert "picture 100 %" in page
    assert "2 counted" in page


async def test_absurd_figures_have_a_code(scene: Scene) -> None:
    await scene.server.node.lectures.start(scene.lecture.id)
    for number, picture_ms in ((1, 10_001), (1, -1), (-3, 0)):
        answer = await tell(scene, number, picture_ms)
        assert (answer.status, answer.code) == (422, "picture_absurd")
    assert (await scene.operator("GET", f"/api/lectures/{scene.lecture.id}/picture")).body["told_s"] == 0
