"""Who may do what: one table of roles per kind of access, one pure function that every route passes through."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Role(enum.StrEnum):
    """What a person does with Tongtang. A role always comes with one venue: it holds in that venue's subtree."""

    LECTURER = "lecturer"
    OPERATOR = "operator"
    ORGANIZER = "organizer"


class CallerKind(enum.StrEnum):
    """How the caller proved who it is."""

    USER = "user"  # session cookie
    API = "api"  # bearer of a script: an organizer's rights
    NODE = "node"  # bearer of a child node
    PUBLISH = "publish"  # bearer for one WHIP session of one lecture
    VIEW = "view"  # bearer for WHEP sessions of one lecture
    SCREEN = "screen"  # cookie of a venue's screen: it shows the lecture there and nothing else
    MACHINE = "machine"  # no proof, but on this very machine: asked only where METRICS is demanded


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody whose proof has been checked. `venue_id` is the top of the subtree that the rights hold in."""

    kind: CallerKind
    name: str
    venue_id: int
    role: Role | None = None
    lecture_id: str | None = None


class Access(enum.StrEnum):
    """What a route demands."""

    PUBLIC = "public"
    SESSION = "session"  # anybody signed in, and scripts
    LECTURER = "lecturer"  # lecturers and organizers
    OPERATOR = "operator"  # operators and organizers
    ORGANIZER = "organizer"
    SCREEN = "screen"  # operators and organizers, and the venue's screen
    WATCH = "watch"  # anybody signed in, scripts, and the venue's screen
    NODE = "node"  # a child node of this one
    PUBLISH = "publish"  # a publish bearer of this very lecture
    VIEW = "view"  # a view bearer of this very lecture, or a child node
    STREAM = "stream"  # any media bearer: the handler compares the session's owner
    METRICS = "metrics"  # scripts, and whoever runs on this very machine


class Relation(enum.StrEnum):
    """How the venue that a route touches must lie to the caller's own."""

    WITHIN = "within"  # the caller's venue or below it
    ALONG = "along"  # that, or above it: a lecture for the whole province concerns each village


@dataclass(frozen=True, kw_only=True)
class Target:
    """What one request touches: a venue and the relation that suffices; for media, the lecture."""

    venue_id: int | None = None
    relation: Relation = Relation.WITHIN
    lecture_id: str | None = None


class Verdict(enum.StrEnum):
    ALLOWED = "allowed"
    UNAUTHENTICATED = "unauthenticated"
    WRONG_ROLE = "wrong_role"
    OUTSIDE = "outside"


_ROLES: dict[Access, frozenset[Role]] = {
    Access.SESSION: frozenset(Role),
    Access.LECTURER: frozenset({Role.LECTURER, Role.ORGANIZER}),
    Access.OPERATOR: frozenset({Role.OPERATOR, Role.ORGANIZER}),
    Access.ORGANIZER: frozenset({Role.ORGANIZER}),
    Access.SCREEN: frozenset({Role.OPERATOR, Role.ORGANIZER}),
    Access.WATCH: frozenset(Role),
}
_KINDS: dict[Access, frozenset[CallerKind]] = {
    Access.NODE: frozenset({CallerKind.NODE}),
    Access.PUBLISH: frozenset({CallerKind.PUBLISH}),
    Access.VIEW: frozenset({CallerKind.VIEW, CallerKind.NODE}),
    Access.STREAM: frozenset({CallerKind.PUBLISH, CallerKind.VIEW, CallerKind.NODE}),
    Access.METRICS: frozenset({CallerKind.API, CallerKind.MACHINE}),
}


def admits(caller: Caller | None, access: Access) -> Verdict:
    """The first half, before anything is looked up: may this kind of caller come here at all?"""
    if access is Access.PUBLIC:
        return Verdict.ALLOWED
    if caller is None:
        return Verdict.UNAUTHENTICATED
    if caller.kind is CallerKind.SCREEN:  # everything else is for whoever signs in at that browser
        return Verdict.ALLOWED if access in (Access.SCREEN, Access.WATCH) else Verdict.UNAUTHENTICATED
    if access in _KINDS:
        return Verdict.ALLOWED if caller.kind in _KINDS[access] else Verdict.WRONG_ROLE
    return Verdict.ALLOWED if caller.role in _ROLES[access] else Verdict.WRONG_ROLE


def allowed(caller: Caller | None, access: Access, target: Target | None, *, below: bool, above: bool) -> Verdict:
    """The whole decision. `below`: the target's venue is the caller's or under it; `above`: the other way round."""
    verdict = admits(caller, access)
    if verdict is not Verdict.ALLOWED or access is Access.PUBLIC or target is None or caller is None:
        return verdict
    if target.venue_id is not None and not (below or (above and target.relation is Relation.ALONG)):
        return Verdict.OUTSIDE
    bound = caller.kind in (CallerKind.PUBLISH, CallerKind.VIEW)
    if bound and target.lecture_id is not None and caller.lecture_id != target.lecture_id:
        return Verdict.OUTSIDE
    return Verdict.ALLOWED
