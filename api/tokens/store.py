"""Tokens in the database: made, listed, revoked, remembered as used."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from api.tokens.scope import TokenScope
from api.tokens.text import ID_FORM, TokenText, digest, new_token
from shared.errors import Conflict, NotFound
from shared.models import Token

MOST = 1000
"""Tokens that may be alive at once: every one of them is looked through about once a second."""

MOST_DAYS = 3650
"""The longest life a token may be given; one that is given none lives until it is revoked."""

KEPT_DAYS = 90
"""How long a revoked token is still listed."""

State = Literal["live", "expired", "revoked"]


class FirstNotAdmin(Conflict):
    """The first token must be of scope admin: with another nobody could make a second one over HTTP."""

    code = "first_token_not_admin"


class TooManyTokens(Conflict):
    """There are too many tokens."""

    code = "too_many_tokens"


def create(
    session: Session, name: str, scope: TokenScope, now: datetime, expires_in_days: int | None = None
) -> tuple[Token, TokenText]:
    """Store a new token, and its text, which nobody can learn again. Raises TooManyTokens."""
    _forget_old(session, now)
    if len(unrevoked(session)) >= MOST:
        raise TooManyTokens(f"there are {MOST} tokens already; revoke those that nobody needs")
    text = new_token()
    token = Token(
        id=text.id,
        name=name,
        scope=scope.value,
        sha256=digest(text.text),
        created_at=now,
        expires_at=None if expires_in_days is None else now + timedelta(days=expires_in_days),
        revoked_at=None,
        last_used_at=None,
    )
    session.add(token)
    session.flush()
    return token, text


def every(session: Session) -> Sequence[Token]:
    """All tokens, newest first, also those that were revoked or have expired."""
    return session.scalars(select(Token).order_by(Token.created_at.desc(), Token.id)).all()


def unrevoked(session: Session) -> Sequence[Token]:
    """Those that were not revoked, also the expired: a service whose tokens ran out does not stand open."""
    return session.scalars(select(Token).where(Token.revoked_at.is_(None))).all()


def is_bare(session: Session) -> bool:
    """Whether there is no token at all, not even a revoked one: after the first there always is one."""
    return session.scalar(select(Token.id).limit(1)) is None


def knows(session: Session, token_id: str) -> bool:
    """Whether a token of that id was made here, whatever became of it; long revoked ones are forgotten."""
    return session.get(Token, token_id) is not None


def has_live(session: Session, now: datetime) -> bool:
    """Whether anybody holds a token that opens something."""
    return any(state(token, now) == "live" for token in unrevoked(session))


def state(token: Token, now: datetime) -> State:
    """Whether a token opens anything, and if not, why."""
    if token.revoked_at is not None:
        return "revoked"
    is_past = token.expires_at is not None and token.expires_at <= now
    return "expired" if is_past else "live"


def revoke(session: Session, token_id: str, now: datetime) -> Token:
    """Let a token open nothing any more; to revoke it twice changes nothing. Raises NotFound."""
    token = session.get(Token, token_id) if ID_FORM.fullmatch(token_id) else None
    if token is None:
        raise NotFound(f"there is no token {token_id[:60]!r}")
    if token.revoked_at is None:
        token.revoked_at = now
        session.flush()
    return token


def mark_used(session: Session, token_ids: Collection[str], now: datetime) -> None:
    """Remember that these were used."""
    session.execute(update(Token).where(Token.id.in_(token_ids)).values(last_used_at=now))


def _forget_old(session: Session, now: datetime) -> None:
    session.execute(delete(Token).where(Token.revoked_at < now - timedelta(days=KEPT_DAYS)))
