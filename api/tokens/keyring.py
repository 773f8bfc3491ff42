"""The tokens as a running service knows them, read from the database about once a second."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from anyio import CapacityLimiter, to_thread

from api.errors import DATABASE_ERRORS, TokenExpired, Unauthorized, Unavailable
from api.tokens import store
from api.tokens.scope import TokenScope
from api.tokens.text import digest, token_id
from shared.clock import Monotonic, monotonic
from shared.db import Database
from shared.models import Token

log = logging.getLogger("epochd.api")

FRESH_SECONDS = 1.0
"""How long a look at the database holds: a revoked token opens nothing after it."""

USE_TOLD_EVERY = timedelta(minutes=5)
"""How far `last_used_at` may lag behind: not every request is worth a write."""


@dataclass(frozen=True)
class Caller:
    """Who asks, and what he may do."""

    name: str
    scope: TokenScope
    token_id: str | None = None
    expires_at: datetime | None = None


ANYONE = Caller("anyone", TokenScope.ADMIN)
"""Whoever asks a service that demands no token."""

ENVIRONMENT = Caller("environment", TokenScope.ADMIN)
"""Who holds the one token of the settings."""


UNGUARDED = (
    "another machine may have sent this, and the service has no token yet to tell its users by; "
    "make the first one where it runs, with `python -m api.tokens create`"
)


@dataclass(frozen=True)
class _Look:
    tokens: Mapping[str, Token]
    """Those that were not revoked."""
    is_bare: bool
    """The database knows no token at all, not even a revoked one."""
    at: datetime


class Keyring:
    """Tells who holds a token. `always` demands one even while there is none.

    So do settings that name a token, unless it can only be of another service: one of a database's form
    while this database knows none.
    """

    def __init__(
        self, database: Database, of_settings: str | None, always: bool, clock: Monotonic = monotonic
    ) -> None:
        self._database = database
        own = own_token(of_settings)
        self._of_settings = None if own is None else digest(own)
        self._always = always or own is not None
        self._names_given_out = of_settings is not None and own is None
        self._clock = clock
        self._look: _Look | None = None
        self._looked_at = self._forgotten_at = float("-inf")
        self._used: set[str] = set()
        self._turn = CapacityLimiter(1)

    async def caller(self, authorization: str, *, from_here: bool = True) -> Caller:
        """Who sends that header; what another machine may have sent is let in by a token alone.

        Raises Unauthorized, TokenExpired or Unavailable.
        """
        given = _bearer(authorization)
        if given and self._of_settings and hmac.compare_digest(digest(given), self._of_settings):
            return ENVIRONMENT
        look = await self._fresh_look()
        if self._asks_nobody(look):
            if not from_here:
                raise Unauthorized(UNGUARDED)
            return ANYONE
        if not given:
            raise Unauthorized
        return self._holder(given, look)

    async def still_opens(self, caller: Caller) -> bool:
        """Whether who was let in would be let in again."""
        if caller == ENVIRONMENT:
            return True
        look = await self._fresh_look()
        if caller.token_id is None:
            return self._asks_nobody(look)
        token = look.tokens.get(caller.token_id)
        return token is not None and store.state(token, look.at) == "live"

    def forget(self) -> None:
        """Look again at the next request: a token was made or revoked."""
        self._forgotten_at = self._clock()

    def _asks_nobody(self, look: _Look) -> bool:
        if self._always or look.tokens:
            return False
        return look.is_bare or not self._names_given_out

    def _holder(self, given: str, look: _Look) -> Caller:
        token = look.tokens.get(token_id(given) or "")
        if token is None or not hmac.compare_digest(token.sha256, digest(given)):
            raise Unauthorized(
                "this token opens nothing here: it was revoked, cut short, or is of another service"
            )
        if store.state(token, look.at) == "expired":
            raise TokenExpired(
                f"the token {token.id} expired at {token.expires_at:%Y-%m-%d %H:%M} UTC; ask for a new one"
            )
        self._used.add(token.id)
        return Caller(token.name, TokenScope(token.scope), token.id, token.expires_at)

    async def _fresh_look(self) -> _Look:
        if self._is_stale():
            await to_thread.run_sync(self._look_again, limiter=self._turn)
        if self._look is None:
            raise Unavailable
        return self._look

    def _is_stale(self) -> bool:
        aged = self._clock() - self._looked_at >= FRESH_SECONDS
        return aged or self._looked_at <= self._forgotten_at

    def _look_again(self) -> None:
        if not self._is_stale():
            return  # who had the turn before looked for all who waited
        began = self._clock()
        try:
            self._look = self._read()
            self._tell_use(self._look)
        except DATABASE_ERRORS as error:
            # What was seen last holds on: all that a token guards lies in the database that does not answer.
            log.warning("the database did not answer about tokens: %s", type(error).__name__)
        self._looked_at = began

    def _read(self) -> _Look:
        with self._database.read() as session:
            found = store.unrevoked(session)
            is_bare = not found and store.is_bare(session)
            return _Look({token.id: token for token in found}, is_bare, self._database.now(session))

    def _tell_use(self, look: _Look) -> None:
        used, self._used = self._used, set()
        lagging = [name for name in used if name in look.tokens and _lags(look.tokens[name], look.at)]
        if lagging:
            with self._database.write() as session:
                store.mark_used(session, lagging, look.at)


def own_token(of_settings: str | None) -> str | None:
    """The token that the settings make; None where they name one of the form that a database gives out.

    That one is a client's, with its own scope and end: who started the service had it in his environment.
    """
    return None if of_settings is None or token_id(of_settings) is not None else of_settings


def _bearer(authorization: str) -> str | None:
    scheme, _, given = authorization.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def _lags(token: Token, now: datetime) -> bool:
    return token.last_used_at is None or now - token.last_used_at >= USE_TOLD_EVERY
