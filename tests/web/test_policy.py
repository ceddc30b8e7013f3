from __future__ import annotations

import itertools

import pytest

from web.policy import Access, Caller, CallerKind, Relation, Role, Target, Verdict, admits, allowed

VENUE = 5


def user(role: Role) -> Caller:
    return Caller(kind=CallerKind.USER, name="u", venue_id=VENUE, role=role)


def bearer(kind: CallerKind, lecture: str | None = None) -> Caller:
    role = Role.ORGANIZER if kind is CallerKind.API else None
    return Caller(kind=kind, name="b", venue_id=VENUE, role=role, lecture_id=lecture)


EVERYBODY = {
    "lecturer": user(Role.LECTURER),
    "operator": user(Role.OPERATOR),
    "organizer": user(Role.ORGANIZER),
    "api": bearer(CallerKind.API),
    "node": bearer(CallerKind.NODE),
    "publish": bearer(CallerKind.PUBLISH, "L"),
    "view": bearer(CallerKind.VIEW, "L"),
    "screen": bearer(CallerKind.SCREEN),
    "machine": bearer(CallerKind.MACHINE),
}
ADMITTED = {
    Access.PUBLIC: set(EVERYBODY),
    Access.SESSION: {"lecturer", "operator", "organizer", "api"},
    Access.LECTURER: {"lecturer", "organizer", "api"},
    Access.OPERATOR: {"operator", "organizer", "api"},
    Access.ORGANIZER: {"organizer", "api"},
    Access.SCREEN: {"operator", "organizer", "api", "screen"},
    Access.WATCH: {"lecturer", "operator", "organizer", "api", "screen"},
    Access.NODE: {"node"},
    Access.PUBLISH: {"publish"},
    Access.VIEW: {"view", "node"},
    Access.STREAM: {"publish", "view", "node"},
    Access.METRICS: {"api", "machine"},
}


@pytest.mark.parametrize(("access", "who"), list(itertools.product(Access, EVERYBODY)))
def test_each_access_admits_its_callers_and_no_others(access: Access, who: str) -> None:
    refused = Verdict.UNAUTHENTICATED if who == "screen" else Verdict.WRONG_ROLE
    expected = Verdict.ALLOWED if who in ADMITTED[access] else refused
    assert admits(EVERYBODY[who], access) is expected


@pytest.mark.parametrize("access", [access for access in Access if access is not Access.PUBLIC])
def test_nobody_gets_past_anything_but_a_public_route(access: Access) -> None:
    assert admits(None, access) is Verdict.UNAUTHENTICATED
    assert admits(None, Access.PUBLIC) is Verdict.ALLOWED


@pytest.mark.parametrize(
    ("relation", "below", "above", "verdict"),
    [
        (Relation.WITHIN, True, False, Verdict.ALLOWED),
        (Relation.WITHIN, False, True, Verdict.OUTSIDE),
        (Relation.WITHIN, False, False, Verdict.OUTSIDE),
        (Relation.ALONG, True, False, Verdict.ALLOWED),
        (Relation.ALONG, False, True, Verdict.ALLOWED),
        (Relation.ALONG, False, False, Verdict.OUTSIDE),
    ],
)
def test_the_subtree_decides(relation: Relation, below: bool, above: bool, verdict: Verdict) -> None:
    target = Target(venue_id=9, relation=relation)
    assert allowed(user(Role.ORGANIZER), Access.SESSION, target, below=below, above=above) is verdict


def test_the_role_is_asked_before_the_subtree() -> None:
    target = Target(venue_id=9)
    verdict = allowed(user(Role.LECTURER), Access.OPERATOR, target, below=True, above=False)
    assert verdict is Verdict.WRONG_ROLE


def test_a_media_token_opens_its_own_lecture_only() -> None:
    viewer = bearer(CallerKind.VIEW, "L")
    for lecture, verdict in (("L", Verdict.ALLOWED), ("M", Verdict.OUTSIDE)):
        assert allowed(viewer, Access.VIEW, Target(lecture_id=lecture), below=False, above=False) is verdict
    child = bearer(CallerKind.NODE)
    assert allowed(child, Access.VIEW, Target(lecture_id="M"), below=False, above=False) is Verdict.ALLOWED
