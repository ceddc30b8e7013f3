"""Which buttons a page offers for a lecture: the same rules as the policy's, asked beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from attendance.lectures import Lecture
from venues.tree import Venue
from web.policy import Access, Verdict, admits
from web.routes import node_of, user_of


@dataclass(frozen=True, kw_only=True)
class LectureRow:
    """A lecture as the caller may see it. `may_lead`: desk, start and stop; `may_check_in`: roll-call at this node;
    `may_expect`: say whom it expects, at the node where it was made."""

    lecture: Lecture
    venue_name: str
    may_lead: bool
    may_check_in: bool
    may_report: bool
    may_expect: bool


async def lecture_rows(request: web.Request, lectures: Sequence[Lecture]) -> list[LectureRow]:
    node, user = node_of(request), user_of(request)
    venues = {each.id: each for each in await _concerned(request, {lecture.venue_id for lecture in lectures})}
    here = node.venue
    leads = admits(user, Access.LECTURER) is Verdict.ALLOWED
    checks = admits(user, Access.OPERATOR) is Verdict.ALLOWED
    made_here = await node.lectures.made_here() if admits(user, Access.ORGANIZER) is Verdict.ALLOWED else set()
    mine = {id_: await node.venues.is_within(id_, user.venue_id) for id_ in venues}
    here_is_mine = here is not None and await node.venues.is_within(here.id, user.venue_id)
    above_here = {each.id for each in await node.venues.path(here.id)} if here else set()
    return [
        LectureRow(
            lecture=lecture,
            venue_name=venues[lecture.venue_id].name if lecture.venue_id in venues else "–",
            may_lead=leads and mine.get(lecture.venue_id, False),
            may_check_in=checks and here_is_mine and lecture.venue_id in above_here,
            may_report=True,
            may_expect=lecture.id in made_here and mine.get(lecture.venue_id, False),
        )
        for lecture in lectures
    ]


async def may_say_whom_it_expects(request: web.Request, lecture: Lecture) -> bool:
    """An organizer of the lecture's venue, at the node where it was made."""
    (row,) = await lecture_rows(request, [lecture])
    return row.may_expect


async def _concerned(request: web.Request, ids: set[int]) -> list[Venue]:
    """The venues of these ids that this node knows: its path from the root and its subtree."""
    venues = node_of(request).venues
    found = [await venues.path(id_) for id_ in ids]
    return [path[-1] for path in found if path]


def own_part(request: web.Request, path: list[Venue]) -> list[Venue]:
    """The path from the top of the caller's subtree: nobody is led above it."""
    top = user_of(request).venue_id
    places = [place for place, each in enumerate(path) if each.id == top]
    return path[places[0] if places else 0 :]
