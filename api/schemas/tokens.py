"""Bearer tokens as the API tells them: never their text, but for once, where one is made."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, field_validator

from api.schemas.shape import TIME, Ask, View, example

ScopeName = Literal["read", "submit", "admin"]

TOKEN_ID = "4f0x9a2c"  # noqa: S105 - the part that may be shown
_TOKEN = {
    "id": TOKEN_ID,
    "name": "Ada's laptop",
    "scope": "submit",
    "state": "live",
    "created_at": TIME,
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": TIME,
}


class TokenRequest(Ask):
    """A token to be made."""

    model_config = ConfigDict(
        json_schema_extra=example(name="Ada's laptop", scope="submit", expires_in_days=90)
    )

    name: str = Field(min_length=1, max_length=200)
    """Whose it is, or what for; printable characters."""
    scope: ScopeName
    """`read` looks; `submit` also submits, cancels and resumes; `admin` also deletes and manages tokens."""
    expires_in_days: int | None = Field(None, ge=1, le=3650)
    """Never where not given."""

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable() or not name.strip():
            raise ValueError("must be of printable characters")
        return name.strip()


class TokenView(View):
    """What may be known of a token."""

    model_config = ConfigDict(json_schema_extra=example(**_TOKEN))

    id: str
    """The second part of its text."""
    name: str
    scope: ScopeName
    state: Literal["live", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    """Null: never."""
    revoked_at: datetime | None
    last_used_at: datetime | None
    """Some minutes behind."""


class TokenMade(TokenView):
    """A token and its text, which is told here and never again."""

    model_config = ConfigDict(
        json_schema_extra=example(**_TOKEN, token=f"epochd_{TOKEN_ID}_...32 characters..._000000")
    )

    token: str
    """To be sent as `Authorization: Bearer <token>`."""


class TokenList(View):
    """All tokens, newest first; revoked ones for some months."""

    model_config = ConfigDict(json_schema_extra=example(tokens=[_TOKEN]))

    tokens: list[TokenView]


class CallerView(View):
    """Who asks, as the service sees it."""

    model_config = ConfigDict(
        json_schema_extra=example(
            name="Ada's laptop", scope="submit", id=TOKEN_ID, expires_at=None, tokens_demanded=True
        )
    )

    name: str
    """Of the token; `environment` for the token of the settings, `anyone` where none is demanded."""
    scope: ScopeName
    """What may be done."""
    id: str | None
    """Null for a token that is not of the database, and for none."""
    expires_at: datetime | None
    tokens_demanded: bool
    """Whether the service answers only who has a token."""
