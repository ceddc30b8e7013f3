"""How attendance is judged: the versions of the policy, and under which a lecture is judged."""

from __future__ import annotations

import dataclasses

from aiohttp import web

from attendance.policy import Policy, rules_of
from web import targets
from web.api import models, policy_models, present
from web.routes import Access, Route, body_of, node_of, user_of


async def listing(request: web.Request) -> policy_models.PolicyList:
    """All versions, the newest first."""
    return policy_models.PolicyList(policies=[_out(policy) for policy in await node_of(request).policies.list()])


async def create(request: web.Request) -> policy_models.PolicyOut:
    """A new version. What was judged under another one stays as it is."""
    wanted = body_of(request, policy_models.PolicyIn)
    node = node_of(request)
    policy = await node.policies.add(wanted.name, rules_of(wanted.rules.model_dump()), user_of(request).name)
    node.changes.notify()
    return _out(policy)


async def judge_under(request: web.Request) -> models.LectureOut:
    """Judge a lecture under another version; all that is derived from its events is made anew. Of one that is over the
    report as it was is frozen first, and the new one as soon as everything is judged."""
    node = node_of(request)
    version = body_of(request, policy_models.PolicyChoice).version
    lecture = await node.frozen.judge_under(request.match_info["lecture"], version, user_of(request).name)
    node.changes.notify()
    return present.lecture_out(lecture)


def _out(policy: Policy) -> policy_models.PolicyOut:
    return policy_models.PolicyOut(
        version=policy.version,
        name=policy.name,
        rules=policy_models.RulesIn(**dataclasses.asdict(policy.rules)),
        made_at=policy.made_at,
        made_by=policy.made_by,
    )


ROUTES = [
    Route("GET", "/api/policies", listing, access=Access.SESSION, answer=policy_models.PolicyList),
    Route(
        "POST",
        "/api/policies",
        create,
        access=Access.ORGANIZER,
        target=targets.own_venue,
        body=policy_models.PolicyIn,
        answer=policy_models.PolicyOut,
        status=201,
    ),
    Route(
        "PUT",
        "/api/lectures/{lecture}/policy",
        judge_under,
        access=Access.ORGANIZER,
        target=targets.lecture,
        body=policy_models.PolicyChoice,
        answer=models.LectureOut,
    ),
]
