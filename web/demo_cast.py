"""Where the demonstration plays and who takes part in it: a branch of Guizhou, invented people. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from venues.tree import VenueRow
from web.policy import Role

VILLAGE = "520328101201"  # 流河渡村, 永兴镇, 湄潭县, 遵义市, 贵州省
TITLE = "同堂演示课 · Tongtang demonstration"

# Number, name, code of the home venue. Any likeness is chance.
PEOPLE: tuple[tuple[str, str, str], ...] = (
    ("YS001", "陈秀英", VILLAGE),
    ("YS002", "杨光明", VILLAGE),
    ("YS003", "王桂兰", VILLAGE),
    ("YS004", "李国强", VILLAGE),
    ("YS005", "罗小梅", VILLAGE),
    ("YS006", "张文华", VILLAGE),
    ("YS007", "吴阿美", VILLAGE),
    ("YS008", "石开明", VILLAGE),
    ("YS101", "周德贵", "520328101202"),  # the next village
    ("YS102", "何玉珍", "520328101202"),
    ("YS201", "刘建国", "520328101000"),  # the township itself
    ("YS202", "龙晓燕", "520328101000"),
    ("YS301", "赵永福", "520328004201"),  # another township of the county
    ("YS401", "孙丽华", "520302000000"),  # another county
    ("YS501", "韦志高", "520100000000"),  # another city
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Somebody who signs in. `level` is that of the venue in which the role holds."""

    role: Role
    name: str
    level: str


PARTS = (
    Part(role=Role.LECTURER, name="lecturer", level="province"),
    Part(role=Role.OPERATOR, name="operator", level="village"),
    Part(role=Role.ORGANIZER, name="organizer", level="province"),
)


def branch(rows: Sequence[VenueRow], code: str = VILLAGE) -> tuple[VenueRow, ...]:
    """The venue and those above it, the root first."""
    by_code: Mapping[str, VenueRow] = {row.code: row for row in rows}
    found = [by_code[code]]
    while found[-1].parent:
        found.append(by_code[found[-1].parent])
    return tuple(reversed(found))


def people_csv() -> bytes:
    return "\n".join(["number,name,venue", *map(",".join, PEOPLE), ""]).encode()
