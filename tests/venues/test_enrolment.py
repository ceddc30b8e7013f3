from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from tests.venues.world import CITY, CITY_2, COUNTY, PROVINCE, START, TOWNSHIP, VILLAGE, Clock, Entropy
from venues import Database, Enrolment, NodeKey, NodeNews, NodeRecord, TokenKind, TokenStore, VenueStore, VenueUnknown
from venues import enrolment as errors
from venues.identity import enrol_message, token_message

DAY = dt.timedelta(days=1)
KEY, OTHER_KEY = NodeKey.make(bytes(32)), NodeKey.make(bytes([1] * 32))


@pytest.fixture
def tokens(database: Database, clock: Clock) -> TokenStore:
    return TokenStore(database, clock, Entropy(2))


@pytest.fixture
def enrolment(store: VenueStore, database: Database, clock: Clock, entropy: Entropy, tokens: TokenStore) -> Enrolment:
    return Enrolment(database, clock, entropy, tokens)


async def join(enrolment: Enrolment, token: str, key: NodeKey = KEY) -> NodeRecord:
    return await enrolment.enrol(token, key.public, key.sign(enrol_message(token, key.public)))


async def get_bearer(enrolment: Enrolment, node: NodeRecord, key: NodeKey = KEY) -> str:
    nonce = await enrolment.challenge(node.id)
    secret, life_s = await enrolment.bearer(node.id, nonce, key.sign(token_message(node.id, nonce)))
    assert life_s == 900
    return secret


async def test_a_node_enrols_and_gets_bearers(enrolment: Enrolment, tokens: TokenStore) -> None:
    node = await join(enrolment, await enrolment.issue(COUNTY, DAY))
    assert node.venue_id == COUNTY
    assert node.enrolled_at == START
    assert await enrolment.get(node.id) == node
    grant = await tokens.check(await get_bearer(enrolment, node))
    assert grant is not None
    assert (grant.kind, grant.subject, grant.venue_id) == (TokenKind.NODE, node.id, COUNTY)


async def test_unknown_used_and_expired_tokens(enrolment: Enrolment, clock: Clock) -> None:
    with pytest.raises(errors.TokenUnknown):
        await join(enrolment, "nonsense")
    token = await enrolment.issue(COUNTY, DAY)
    first = await join(enrolment, token)
    assert await join(enrolment, token) == first  # the answer was lost and the node asks again
    with pytest.raises(errors.TokenUsed):
        await join(enrolment, token, OTHER_KEY)
    late = await enrolment.issue(CITY, DAY)
    clock.move(86400)
    with pytest.raises(errors.TokenExpired):
        await join(enrolment, late)


async def test_a_key_must_be_held(enrolment: Enrolment) -> None:
    token = await enrolment.issue(COUNTY, DAY)
    with pytest.raises(errors.ProofInvalid):
        await enrolment.enrol(token, KEY.public, OTHER_KEY.sign(enrol_message(token, KEY.public)))
    assert await join(enrolment, token)  # the token is not spent by that


async def test_a_token_needs_a_venue(enrolment: Enrolment) -> None:
    with pytest.raises(VenueUnknown):
        await enrolment.issue(99, DAY)


async def test_a_token_is_for_a_venue_below_this_node(database: Database, store: VenueStore, clock: Clock) -> None:
    home: list[int] = []
    enrolment = Enrolment(database, clock, Entropy(4), home=lambda: home[0] if home else None)
    assert await enrolment.issue(CITY, DAY)  # before it knows where it stands
    home.append(CITY)
    for venue_id, name in ((CITY, "贵阳市"), (PROVINCE, "贵州省"), (CITY_2, "遵义市")):
        with pytest.raises(errors.VenueNotBelow, match=name):
            await enrolment.issue(venue_id, DAY)
    with pytest.raises(VenueUnknown):
        await enrolment.issue(99, DAY)
    assert await enrolment.issue(COUNTY, DAY)
    assert await enrolment.issue(VILLAGE, DAY)  # the township may be without a node


async def test_a_node_that_holds_itself_for_another_venue_is_refused_and_spends_nothing(enrolment: Enrolment) -> None:
    token = await enrolment.issue(COUNTY, DAY)
    proof = KEY.sign(enrol_message(token, KEY.public))
    with pytest.raises(errors.TokenElsewhere, match=r"for the venue 南明区 \(K1\), not for V1"):
        await enrolment.enrol(token, KEY.public, proof, "V1")
    assert (await enrolment.enrol(token, KEY.public, proof, "K1")).venue_id == COUNTY


async def test_a_venue_has_one_active_node(enrolment: Enrolment, tokens: TokenStore) -> None:
    first = await join(enrolment, await enrolment.issue(COUNTY, DAY))
    bearer = await get_bearer(enrolment, first)
    assert await tokens.check(bearer)
    second = await enrolment.issue(COUNTY, DAY)
    with pytest.raises(errors.VenueTaken, match=first.id):
        await join(enrolment, second, OTHER_KEY)
    replacing = await enrolment.issue(COUNTY, DAY, replace=True)
    replacement = await join(enrolment, replacing, OTHER_KEY)
    assert await tokens.check(bearer) is None
    assert [(node.id, node.revoked_at is None) for node in await enrolment.nodes(PROVINCE)] in (
        [(replacement.id, True), (first.id, False)],
        [(first.id, False), (replacement.id, True)],
    )
    await enrolment.revoke(replacement.id)
    assert await join(enrolment, second, KEY)


async def test_revoking_stops_everything_at_once(enrolment: Enrolment, tokens: TokenStore) -> None:
    token = await enrolment.issue(COUNTY, DAY)
    node = await join(enrolment, token)
    bearer, nonce = await get_bearer(enrolment, node), await enrolment.challenge(node.id)
    assert await tokens.check(bearer)
    await enrolment.revoke(node.id)
    await enrolment.revoke(node.id)
    assert await tokens.check(bearer) is None
    with pytest.raises(errors.NodeRevoked):
        await enrolment.challenge(node.id)
    with pytest.raises(errors.NodeRevoked):
        await enrolment.bearer(node.id, nonce, KEY.sign(token_message(node.id, nonce)))
    with pytest.raises(errors.TokenUsed):
        await join(enrolment, token)


async def test_a_challenge_serves_its_node_once_and_soon(enrolment: Enrolment, clock: Clock) -> None:
    node = await join(enrolment, await enrolment.issue(COUNTY, DAY))
    other = await join(enrolment, await enrolment.issue(CITY, DAY))
    nonce = await enrolment.challenge(node.id)
    with pytest.raises(errors.NonceInvalid):
        await enrolment.bearer(other.id, nonce, KEY.sign(token_message(other.id, nonce)))
    with pytest.raises(errors.ProofInvalid):
        await enrolment.bearer(node.id, nonce, OTHER_KEY.sign(token_message(node.id, nonce)))
    signature = KEY.sign(token_message(node.id, nonce))
    await enrolment.bearer(node.id, nonce, signature)
    with pytest.raises(errors.NonceInvalid):
        await enrolment.bearer(node.id, nonce, signature)
    for forged in ("", "!", "中", nonce[:-1], nonce + "A", "A" * len(nonce)):
        with pytest.raises(errors.NonceInvalid):
            await enrolment.bearer(node.id, forged, KEY.sign(token_message(node.id, forged)))
    nonce = await enrolment.challenge(node.id)
    clock.move(61)
    with pytest.raises(errors.NonceInvalid):
        await enrolment.bearer(node.id, nonce, KEY.sign(token_message(node.id, nonce)))


async def test_unknown_nodes(enrolment: Enrolment) -> None:
    with pytest.raises(errors.NodeUnknown):
        await enrolment.challenge("nobody")
    with pytest.raises(errors.NodeUnknown):
        await enrolment.revoke("nobody")


async def test_many_ask_at_once_and_each_is_answered_for_itself(enrolment: Enrolment, tokens: TokenStore) -> None:
    nodes = [await join(enrolment, await enrolment.issue(venue, DAY)) for venue in (CITY, CITY_2, COUNTY, TOWNSHIP)]
    await enrolment.revoke(nodes[2].id)
    asked = [get_bearer(enrolment, node) for node in nodes] + [enrolment.challenge("nobody")]
    first, second, revoked, last, unknown = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(revoked, errors.NodeRevoked)
    assert isinstance(unknown, errors.NodeUnknown)
    for node, secret in ((nodes[0], first), (nodes[1], second), (nodes[3], last)):
        grant = await tokens.check(str(secret))
        assert grant is not None
        assert (grant.subject, grant.venue_id) == (node.id, node.venue_id)


async def test_nodes_of_a_subtree(enrolment: Enrolment, clock: Clock) -> None:
    county = await join(enrolment, await enrolment.issue(COUNTY, DAY))
    clock.move(1)
    township = await join(enrolment, await enrolment.issue(TOWNSHIP, DAY))
    assert await enrolment.nodes(COUNTY) == [township, county]
    assert await enrolment.nodes(TOWNSHIP) == [township]


def news(revision: int, node: str, venue_id: int, *, key: NodeKey = KEY, revoked: bool = False) -> NodeNews:
    at = START if revoked else None
    return NodeNews(
        revision=revision, node=node, venue_id=venue_id, public_key=key.public, enrolled_at=START, revoked_at=at
    )


async def test_a_node_enrolled_below_may_come_here_too(enrolment: Enrolment, tokens: TokenStore, clock: Clock) -> None:
    county = await join(enrolment, await enrolment.issue(COUNTY, DAY))
    assert await enrolment.take(county.id, 0, [news(3, "v", VILLAGE, key=OTHER_KEY)]) == (3, True)
    assert await enrolment.take(county.id, 0, [news(3, "v", VILLAGE)]) == (3, False)  # the county starts again
    village = await enrolment.get("v")
    assert (village.venue_id, village.public_key, village.own) == (VILLAGE, OTHER_KEY.public, False)
    assert await enrolment.nodes(PROVINCE) == [county]
    assert village in await enrolment.nodes(PROVINCE, below=True)
    bearer = await get_bearer(enrolment, village, OTHER_KEY)
    grant = await tokens.check(bearer)
    assert grant is not None
    assert (grant.subject, grant.venue_id) == ("v", VILLAGE)
    assert await enrolment.take(county.id, 3, [news(4, "v", VILLAGE, revoked=True)]) == (4, True)
    assert await tokens.check(bearer) is None
    assert await enrolment.take(county.id, 4, [news(5, "v", VILLAGE)]) == (5, False)
    with pytest.raises(errors.NodeRevoked):
        await enrolment.challenge("v")


async def test_a_child_speaks_only_for_what_is_below_it_and_was_enrolled_there(enrolment: Enrolment) -> None:
    city = await join(enrolment, await enrolment.issue(CITY, DAY))
    county = await join(enrolment, await enrolment.issue(COUNTY, DAY), OTHER_KEY)
    other = [news(1, "own venue", COUNTY), news(2, "above", CITY), news(3, "unknown", 99)]
    assert await enrolment.take(county.id, 0, other) == (3, False)
    assert {node.id for node in await enrolment.nodes(PROVINCE, below=True)} == {city.id, county.id}
    # What was enrolled here is not ended by a child, nor is what another child has told.
    assert await enrolment.take(city.id, 0, [news(1, county.id, COUNTY, revoked=True)]) == (1, False)
    await enrolment.take(county.id, 3, [news(4, "v", VILLAGE)])
    assert await enrolment.take(city.id, 1, [news(2, "v", TOWNSHIP, revoked=True)]) == (2, False)
    assert (await enrolment.get(county.id)).revoked_at is None
    assert (await enrolment.get("v")).revoked_at is None


async def test_a_revocation_above_stays(enrolment: Enrolment) -> None:
    county = await join(enrolment, await enrolment.issue(COUNTY, DAY))
    await enrolment.take(county.id, 0, [news(1, "v", VILLAGE)])
    await enrolment.revoke("v")
    assert await enrolment.take(county.id, 0, [news(1, "v", VILLAGE)]) == (1, False)
    assert (await enrolment.get("v")).revoked_at == START


async def test_records_climb_further_in_their_order_and_a_gap_is_asked_for_again(enrolment: Enrolment) -> None:
    county = await join(enrolment, await enrolment.issue(COUNTY, DAY))
    assert await enrolment.take(county.id, 7, [news(8, "v", VILLAGE)]) == (0, False)
    await enrolment.take(county.id, 0, [news(8, "v", VILLAGE)])
    told = await enrolment.news_since(0)
    assert [(one.revision, one.node) for one in told] == [(1, county.id), (2, "v")]
    assert told[1] == news(2, "v", VILLAGE)
    await enrolment.revoke(county.id)
    await enrolment.revoke(county.id)
    again = await enrolment.news_since(2)
    assert [(one.revision, one.node, one.revoked_at) for one in again] == [(3, county.id, START)]
    assert len(await enrolment.news_since(0, limit=1)) == 1
    assert await enrolment.take(county.id, 8, []) == (8, False)
    assert await enrolment.take(county.id, 0, []) == (0, False)  # its database is another one
    assert await enrolment.take("nobody", 0, [news(1, "w", VILLAGE)]) == (0, False)
