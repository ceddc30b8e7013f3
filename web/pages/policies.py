"""How attendance is judged: the versions of the policy, a new one, and the version of a lecture."""

from __future__ import annotations

import dataclasses

from aiohttp import web

from attendance.policy import RANGES, PolicyElsewhere, PolicyInvalid, Rules, rules_of
from web import targets
from web.pages.forms import complaint, field, onward
from web.render import render
from web.routes import Access, Route, node_of, user_of

_FLAGS = tuple(rule.name for rule in dataclasses.fields(Rules) if isinstance(rule.default, bool))


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def create(request: web.Request) -> web.Response:
    node = node_of(request)
    values: dict[str, object] = {name: bool(await field(request, name)) for name in _FLAGS}
    for name in RANGES:
        text = await field(request, name)
        values[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text
    try:
        await node.policies.add(await field(request, "name"), rules_of(values), user_of(request).name)
    except (PolicyInvalid, PolicyElsewhere) as error:
        return await _page(request, values=values, status=error.status, problem=complaint(request, error))
    node.changes.notify()
    return onward("/policies")


async def _page(
    request: web.Request, *, values: dict[str, object] | None = None, status: int = 200, problem: str | None = None
) -> web.Response:
    policies = await node_of(request).policies.list()
    return render(
        request,
        "policies.html",
        status=status,
        problem=problem,
        policies=policies,
        draft=values or dataclasses.asdict(policies[0].rules),
        name=await field(request, "name") if values else "",
        ranges=RANGES,
    )


async def judge_under(request: web.Request) -> web.Response:
    """The choice on a lecture's report."""
    node, lecture = node_of(request), request.match_info["lecture"]
    version = await field(request, "version")
    wanted = int(version) if version.isascii() and version.isdigit() and len(version) < 9 else 0
    await node.frozen.judge_under(lecture, wanted, user_of(request).name)
    node.changes.notify()
    return onward(f"/lectures/{lecture}/report#judged")


ROUTES = [
    Route("GET", "/policies", show, access=Access.ORGANIZER, target=targets.own_venue, page=True),
    Route("POST", "/policies", create, access=Access.ORGANIZER, target=targets.own_venue, page=True, form=True),
    Route(
        "POST",
        "/lectures/{lecture}/policy",
        judge_under,
        access=Access.ORGANIZER,
        target=targets.lecture,
        page=True,
        form=True,
    ),
]
