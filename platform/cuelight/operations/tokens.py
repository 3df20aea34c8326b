"""Which tokens were issued, to whom and by whom; never the tokens themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from cuelight.operations.schema import tokens


@dataclass(frozen=True)
class IssuedToken:
    """What is known of a token; times in seconds since the epoch.

    Attributes:
        id: claim `jti`, by which it is revoked.
        key: id of the key that signed it.
        revoked: when it was; None: it was not.
        issued_by, revoked_by: the system's users who did it.
    """

    id: str
    subject: str
    scopes: Sequence[str]
    models: Sequence[str]
    issued: float
    expires: float
    key: str
    issued_by: str
    revoked: float | None = None
    revoked_by: str = ""

    def is_valid(self, now: float) -> bool:
        """Whether it counts."""
        return self.revoked is None and now < self.expires


def add(connection: sa.Connection, token: IssuedToken) -> None:
    """Write a token down."""
    connection.execute(sa.insert(tokens).values(asdict(token)))


def read(connection: sa.Connection) -> list[IssuedToken]:
    """All tokens, the newest first."""
    query = sa.select(tokens).order_by(tokens.c.issued.desc(), tokens.c.id.desc())
    return [IssuedToken(*row) for row in connection.execute(query)]


def revoke(connection: sa.Connection, token: str, by: str, now: float) -> bool:
    """A token counts no more; False if it was revoked before, or there is none of that id."""
    mine = sa.and_(tokens.c.id == token, tokens.c.revoked.is_(None))
    return connection.execute(sa.update(tokens).where(mine).values(revoked=now, revoked_by=by)).rowcount == 1
