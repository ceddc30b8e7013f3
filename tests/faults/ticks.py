"""The operators of the stage at their own nodes' API, as the roll-call page uses it, and the record of what they saw.

An operator whose node does not answer asks again with the same event id, as the page does, until it says yes or no.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.faults.stage import PEOPLE, Stage, name_of, now_ms, number_of, person_of
from tests.web.nodes import PASSWORD
from venues.ids import uuid7
from web import auth

_AGAIN_S = 0.05
_PATIENCE_S = 90.0


@dataclass(frozen=True, kw_only=True)
class Green:
    """A tick that was green: the node of `level` has answered 200 or 201 with this event."""

    level: str
    event: str
    kind: str


@dataclass
class Record:
    """All green ticks of a run. `refused`: rightly said no (a double undo …), nothing was promised."""

    greens: list[Green] = field(default_factory=list)
    refused: int = 0

    @property
    def events(self) -> set[str]:
        return {green.event for green in self.greens}

    def at(self, level: str) -> int:
        return sum(green.level == level for green in self.greens)


class Operator:
    """Of one level's venue. `chance` decides what `act` does."""

    def __init__(self, stage: Stage, level: str, record: Record, chance: random.Random, *, name: str = "") -> None:
        self._name = name or f"operator-{level}"
        self._stage, self.level, self._record, self._chance = stage, level, record, chance
        self._cookie, self._csrf = "", ""
        self._came: list[dict[str, str]] = []  # who is here, as bodies of later statements
        self._next = {"roster": 0, "away": 0, "guest": 0}

    @property
    def _lecture(self) -> str:
        return f"/api/lectures/{self._stage.lecture}"

    async def act(self) -> None:
        """One statement of a kind that chance picks: mostly ticks."""
        kinds = ["tick"] * 10 + ["away"] * 3 + ["guest"] * 2 + ["undo", "undo", "sign_out", "leave", "headcount"]
        kinds += ["state", "state", "check", "see"]
        match self._chance.choice(kinds):
            case "away":
                await self.take_in("other", self._count("away"))
            case "guest":
                await self._written("/check-ins", {"name": f"来宾{self._count('guest')}"}, remember=True)
            case "undo" if self._came:
                taken = self._came.pop(self._chance.randrange(len(self._came)))
                await self._written("/undo", {"event": taken["about"], "reason": "点错了"}, mine=False)
            case "sign_out" if self._came:
                await self._written("/sign-outs", {"about": self._chance.choice(self._came)["about"]})
            case "leave":
                person = person_of(self.level, PEOPLE - 1 - self._chance.randrange(10))
                await self._written("/leaves", {"person": person, "reason": "出差"})
            case "state":
                person = person_of(self.level, self._chance.randrange(PEOPLE))
                state, late = self._chance.choice(["present", "absent", "leave", "makeup"]), self._chance.random() < 0.5
                await self._written("/statements", {"person": person, "state": state, "late": late, "reason": "查证"})
            case "check":
                await self._written("/presence-checks", {})
            case "see" if self._came:
                await self._written("/presence-checks/seen", {"about": self._chance.choice(self._came)["about"]})
            case "headcount":
                await self._written("/headcounts", {"people": self._chance.randrange(200)})
            case _:
                await self.tick(self._count("roster"))

    def _count(self, what: str) -> int:
        self._next[what] += 1
        return self._next[what] - 1

    async def tick(self, one: int) -> str | None:
        """Somebody of the roster of this venue; after the last one, a walk-in. The event's id once it is green."""
        if one >= PEOPLE:
            return await self._written(
                "/check-ins", {"number": f"{self.level}{one}", "name": f"来宾{one}"}, remember=True
            )
        return await self._written("/check-ins", {"person": person_of(self.level, one)}, remember=True)

    async def take_in(self, home: str, one: int) -> str | None:
        """A walk-in who is at home elsewhere."""
        who = {"number": number_of(home, one), "name": name_of(home, one)}
        if one >= PEOPLE:
            who = {"number": f"{self.level}-{home}{one}", "name": f"流动{one}"}
        return await self._written("/check-ins", who, remember=True)

    async def close(self) -> str | None:
        """Hand the venue's attendance in."""
        return await self._written("/closing", {})

    async def _written(
        self, path: str, body: dict[str, Any], *, mine: bool = True, remember: bool = False
    ) -> str | None:
        if mine:
            body = body | {"event": uuid7(now_ms(), os.urandom(10))}
        status, answer = await self.ask("POST", self._lecture + path, body)
        if status not in (200, 201):
            self._record.refused += 1
            return None
        event = str(answer["event"])
        self._record.greens.append(Green(level=self.level, event=event, kind=answer["kind"]))
        if remember:
            self._came.append({"about": event})
        return event

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask until there is an answer that a page would show: (status, JSON)."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    status, answer = await self._once(method, path, body)
                    if status == 401 or (status == 403 and answer["error"]["code"] == "csrf_failed"):
                        await self._sign_in()
                    elif status < 500 and status != 429:
                        return status, answer
                await asyncio.sleep(_AGAIN_S)

    @property
    def headers(self) -> dict[str, str]:
        """Those of somebody who is signed in."""
        return {"Cookie": self._cookie, auth.CSRF_HEADER: self._csrf} if self._cookie else {}

    async def _once(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        url = self._stage[self.level].url + path
        async with self._stage.http.request(method, url, json=body, headers=self.headers) as answer:
            return answer.status, await answer.json()

    async def _sign_in(self) -> None:
        url = f"{self._stage[self.level].url}/api/session"
        async with self._stage.http.post(url, json={"name": self._name, "password": PASSWORD}) as answer:
            if answer.status == 201:
                (cookie,) = answer.cookies.values()
                self._cookie = f"{cookie.key}={cookie.value}"
                self._csrf = (await answer.json())["csrf"]


class Readers:
    """Who looks at reports again and again: signed in once at each node, as pages are."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._known: dict[tuple[str, str], Operator] = {}

    def at(self, level: str, name: str = "") -> Operator:
        """The operator of that level's venue, or who is named."""
        if (level, name) not in self._known:
            self._known[level, name] = Operator(self._stage, level, Record(), random.Random(0), name=name)
        return self._known[level, name]
