"""Bearer tokens over HTTP: made, listed, revoked; and what one's own may do."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import ValidationError
from sqlalchemy.orm import Session

from api.body import Body
from api.deps import CallerDep, DatabaseDep, KeyringDep, WriterDep, no_query
from api.errors import invalid
from api.openapi import json_body
from api.schemas.tokens import CallerView, TokenList, TokenMade, TokenRequest, TokenView
from api.tokens import store
from api.tokens.keyring import ANYONE
from api.tokens.scope import TokenScope
from shared.models import Token

router = APIRouter(prefix="/tokens", tags=["tokens"], dependencies=[Depends(no_query)])


@router.get("", response_model=TokenList, summary="List tokens")
def list_tokens(database: DatabaseDep) -> TokenList:
    """Newest first; their texts are kept nowhere."""
    with database.read() as session:
        now = database.now(session)
        return TokenList(tokens=[TokenView(**_told(token, now)) for token in store.every(session)])


@router.get("/me", response_model=CallerView, summary="What this token may do")
async def me(caller: CallerDep) -> CallerView:
    """Who asks: the token that came with this request."""
    return CallerView(
        name=caller.name,
        scope=caller.scope.value,
        id=caller.token_id,
        expires_at=caller.expires_at,
        tokens_demanded=caller != ANYONE,
    )


@router.post(
    "",
    status_code=201,
    response_model=TokenMade,
    openapi_extra=json_body(TokenRequest),
    summary="Make a token",
)
def create(
    body: Body, caller: CallerDep, writer: WriterDep, keyring: KeyringDep, response: Response
) -> TokenMade:
    """Its text is in this answer and nowhere else. The first token shuts out all who have none."""
    asked = _ask(body)
    if caller == ANYONE and TokenScope(asked.scope) is not TokenScope.ADMIN:
        raise store.FirstNotAdmin
    made = writer.run(partial(_create, asked=asked))
    keyring.forget()
    response.headers["Cache-Control"] = "no-store"
    return made


@router.delete("/{token_id}", status_code=204, summary="Revoke a token")
def revoke(
    token_id: Annotated[str, Path(description="A token's id.")], writer: WriterDep, keyring: KeyringDep
) -> Response:
    """It opens nothing any more, from the next second on in every process of the service."""
    writer.run(partial(_revoke, token_id=token_id))
    keyring.forget()
    return Response(status_code=204)


def _create(session: Session, now: datetime, asked: TokenRequest) -> TokenMade:
    token, text = store.create(session, asked.name, TokenScope(asked.scope), now, asked.expires_in_days)
    return TokenMade(**_told(token, now), token=text.text)


def _revoke(session: Session, now: datetime, token_id: str) -> None:
    store.revoke(session, token_id, now)


def _told(token: Token, now: datetime) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope,
        "state": store.state(token, now),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }


def _ask(body: dict[str, Any]) -> TokenRequest:
    try:
        return TokenRequest.model_validate(body)
    except ValidationError as error:
        raise invalid(error) from None
