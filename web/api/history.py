"""One person in one lecture: everything that was written down, what it amounts to, and the organizer's corrections."""

from __future__ import annotations

from aiohttp import web

from attendance.event import Data, Kind, Method
from attendance.history_reports import Entry, History, history
from attendance.log import Captured
from attendance.rules import ReasonMissing
from web import targets
from web.api import models, policy_models, present
from web.api.roll_call import written
from web.node import Node
from web.routes import Access, Route, body_of, node_of, user_of

_PERSON = "/api/lectures/{lecture}/people/{person}"


async def show(request: web.Request) -> policy_models.HistoryOut:
    """The whole history of a person in a lecture, in order."""
    node = node_of(request)
    found = await history(node.db, (await targets.lecture_of(request)).id, request.match_info["person"])
    return _out(node, found)


async def correct(request: web.Request) -> web.Response:
    """State what is so of a person; it stands over the check-ins until another correction, or its own undo."""
    wanted = body_of(request, policy_models.CorrectionIn)
    data = {"state": wanted.state, "late": wanted.late, "early": wanted.early}
    told = {name: value for name, value in data.items() if value is not None}
    return written(await write_correction(request, told, wanted.reason, wanted.event))


async def write_correction(request: web.Request, data: Data, reason: str, event_id: str | None = None) -> Captured:
    node, found = node_of(request), await _found(request)
    place = found.judged.venue if found.judged else None
    venue = place or found.home or node.require_venue()
    known = found.entries[0].event if found.entries else None
    return await node.log.capture(
        lecture=request.match_info["lecture"],
        venue=venue.id,
        person=None if known else found.person,
        about=known,
        kind=Kind.CORRECTION,
        method=Method.DESK,
        operator=user_of(request).name[:100],
        reason=reason,
        data=data,
        event_id=event_id,
    )


async def take_back(request: web.Request) -> web.Response:
    """Take back one event of this person: a correction, a leave, a check-in that was a mistake."""
    wanted = body_of(request, policy_models.TakeBackIn)
    return written(await write_undo(request, wanted.event, wanted.reason))


async def write_undo(request: web.Request, event: str, reason: str) -> Captured:
    """Raises ReasonMissing, and NotCheckedIn where the event is not one of this person that could be taken back."""
    if not reason.strip():
        raise ReasonMissing
    found = await _found(request)
    entry = found.entry(event)
    return await node_of(request).log.capture(
        lecture=request.match_info["lecture"],
        venue=entry.venue.id if entry.venue else None,
        kind=Kind.UNDO,
        method=Method.DESK,
        supersedes=entry.event,
        operator=user_of(request).name[:100],
        reason=reason,
    )


async def _found(request: web.Request) -> History:
    lecture = await targets.lecture_of(request)
    return await history(node_of(request).db, lecture.id, request.match_info["person"])


def _out(node: Node, found: History) -> policy_models.HistoryOut:
    judged = found.judged
    place = judged.venue if judged else None
    return policy_models.HistoryOut(
        person=found.person,
        number=found.number,
        name=found.name,
        home=present.venue_out(node.settings, found.home) if found.home else None,
        status=judged.status if judged else None,
        attended_venue=present.venue_out(node.settings, place) if place else None,
        late=bool(judged and judged.late),
        early=bool(judged and judged.early),
        attended=bool(judged and judged.attended),
        minutes=judged.minutes if judged else 0,
        credit=judged.credit if judged else 0,
        policy=judged.policy if judged else 0,
        entries=[_entry(node, entry) for entry in found.entries],
    )


def _entry(node: Node, entry: Entry) -> policy_models.HistoryEntryOut:
    return policy_models.HistoryEntryOut(
        event=entry.event,
        kind=entry.kind,
        method=entry.method,
        at=entry.at,
        clock_offset_ms=entry.clock_offset_ms,
        recorded_at=entry.recorded_at,
        venue=present.venue_out(node.settings, entry.venue) if entry.venue else None,
        operator=entry.operator,
        reason=entry.reason,
        supersedes=entry.supersedes,
        data=dict(entry.data),
        undone=entry.undone,
        too_late=entry.too_late,
    )


ROUTES = [
    Route(
        "GET",
        _PERSON,
        show,
        access=Access.OPERATOR,
        target=targets.person_in_lecture,
        answer=policy_models.HistoryOut,
    ),
    Route(
        "POST",
        _PERSON + "/corrections",
        correct,
        access=Access.ORGANIZER,
        target=targets.person_in_lecture,
        body=policy_models.CorrectionIn,
        answer=models.EventOut,
        status=201,
    ),
    Route(
        "POST",
        _PERSON + "/undo",
        take_back,
        access=Access.ORGANIZER,
        target=targets.person_in_lecture,
        body=policy_models.TakeBackIn,
        answer=models.EventOut,
        status=201,
    ),
]
