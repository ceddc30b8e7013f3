"""The SQL of bearer tokens."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from venues.database import insert_many
from venues.tables import token

DatabaseError = sa.exc.SQLAlchemyError


def add(connection: Connection, grants: Mapping[str, Mapping[str, object]], forget_before: dt.datetime) -> None:
    """Keep tokens (by hash the fields of their grants), and forget those that expired before `forget_before`."""
    connection.execute(token.delete().where(token.c.expires_at < forget_before))
    insert_many(connection, token, [{"hash": key, **grant} for key, grant in grants.items()])


def find(connection: Connection, key: str) -> dict[str, Any] | None:
    """The fields of a Grant, None if there is no such token or it has been revoked."""
    columns = (token.c.kind, token.c.subject, token.c.venue_id, token.c.lecture_id, token.c.expires_at)
    query = sa.select(*columns).where(token.c.hash == key, token.c.revoked_at.is_(None))
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def revoke(connection: Connection, key: str, now: dt.datetime) -> None:
    connection.execute(_revoking(now).where(token.c.hash == key))


def revoke_subject(connection: Connection, kind: str, subject: str, now: dt.datetime) -> None:
    connection.execute(_revoking(now).where(token.c.kind == kind, token.c.subject == subject))


def _revoking(now: dt.datetime) -> sa.Update:
    return token.update().where(token.c.revoked_at.is_(None)).values(revoked_at=now)
