"""One person in one lecture: the whole history, and what the organizer states of it."""

from __future__ import annotations

from aiohttp import web

from attendance.history_reports import history
from attendance.judge import Status
from web import targets
from web.api.history import write_correction, write_undo
from web.api.models import In, VenueId
from web.errors import Invalid
from web.pages.forms import field, onward
from web.policy import Verdict, admits
from web.render import render
from web.routes import Access, Route, node_of, query_of, user_of

_PERSON = "/lectures/{lecture}/people/{person}"
_TAKEN_BACK = frozenset({"check_in", "sign_out", "leave", "correction"})


class CameFrom(In):
    """`venue`: of the report or the list from which somebody came here, to go back to."""

    venue: VenueId | None = None


async def show(request: web.Request) -> web.Response:
    lecture = await targets.lecture_of(request)
    node, user = node_of(request), user_of(request)
    found = await history(node.db, lecture.id, request.match_info["person"])
    organizes = admits(user, Access.ORGANIZER) is Verdict.ALLOWED
    return render(
        request,
        "person.html",
        lecture=lecture,
        person=found,
        venue_id=query_of(request, CameFrom).venue,
        may_correct=organizes,
        may_see_record=organizes and found.home and await node.venues.is_within(found.home.id, user.venue_id),
        can_be_undone=_TAKEN_BACK,
    )


async def correct(request: web.Request) -> web.Response:
    """Raises Invalid, ReasonMissing."""
    state = await field(request, "state")
    said: dict[str, int | str | bool] = {"state": state.partition("-")[0]}
    if said["state"] not in set(Status):
        raise Invalid(details=state[:40])
    if state == "present-late":
        said["late"] = True
    elif state == "present":
        said["late"] = said["early"] = False
    await write_correction(request, said, await field(request, "reason"))
    return _again(request, "/correct")


async def undo(request: web.Request) -> web.Response:
    await write_undo(request, await field(request, "event"), await field(request, "reason"))
    return _again(request, "/undo")


def _again(request: web.Request, suffix: str) -> web.Response:
    venue = query_of(request, CameFrom).venue
    return onward(request.path.removesuffix(suffix) + (f"?venue={venue}" if venue else ""))


ROUTES = [
    Route("GET", _PERSON, show, access=Access.OPERATOR, target=targets.person_in_lecture, query=CameFrom, page=True),
    Route(
        "POST",
        _PERSON + "/correct",
        correct,
        access=Access.ORGANIZER,
        target=targets.person_in_lecture,
        query=CameFrom,
        page=True,
        form=True,
    ),
    Route(
        "POST",
        _PERSON + "/undo",
        undo,
        access=Access.ORGANIZER,
        target=targets.person_in_lecture,
        query=CameFrom,
        page=True,
        form=True,
    ),
]
