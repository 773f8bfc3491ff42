"""Tokens over HTTP: the first one, those after it, and what one's own may do."""

from __future__ import annotations

from typing import Any

import pytest

from api.tokens.text import token_id
from tests.integration.api.conftest import Service
from tests.integration.api.planting import assert_problem

Json = dict[str, Any]


def make(service: Service, scope: str, by: str = "", **more: Any) -> Json:
    body = {"name": f"a {scope} token", "scope": scope, **more}
    answer = service.post("/tokens", body, headers=bearer(by))
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"} if text else {}


def test_the_first_token_shuts_out_who_has_none_at_once(service: Service) -> None:
    assert service.json("/tokens/me") == {
        "name": "anyone",
        "scope": "admin",
        "id": None,
        "expires_at": None,
        "tokens_demanded": False,
    }
    admin = make(service, "admin")["token"]
    assert_problem(service.get("/tokens/me"), 401, "unauthorized")
    assert service.json("/tokens/me", headers=bearer(admin))["tokens_demanded"] is True


def test_the_first_token_must_be_able_to_make_the_second(service: Service) -> None:
    for scope in ("read", "submit"):
        answer = service.post("/tokens", {"name": "x", "scope": scope})
        assert_problem(answer, 409, "first_token_not_admin")
    assert service.get("/jobs").status_code == 200


def test_a_token_is_told_once_and_never_again(service: Service) -> None:
    admin = make(service, "admin")["token"]
    made = make(service, "read", by=admin, expires_in_days=1)
    assert token_id(made["token"]) == made["id"]
    listed = service.get("/tokens", headers=bearer(admin))
    assert made["token"] not in listed.text and admin not in listed.text
    found = next(token for token in listed.json()["tokens"] if token["id"] == made["id"])
    assert found == {name: value for name, value in made.items() if name != "token"}
    assert found["expires_at"] == "2026-01-02T00:00:00Z" and found["state"] == "live"


def test_an_answer_with_a_token_is_kept_by_no_cache(service: Service) -> None:
    answer = service.post("/tokens", {"name": "x", "scope": "admin"})
    assert answer.headers["cache-control"] == "no-store"


def test_a_revoked_token_opens_nothing_and_is_still_listed(service: Service) -> None:
    admin = make(service, "admin")["token"]
    made = make(service, "read", by=admin)
    path = f"/tokens/{made['id']}"
    for _ in range(2):
        assert service.client.delete(path, headers=bearer(admin)).status_code == 204
    assert_problem(service.get("/jobs", headers=bearer(made["token"])), 401, "unauthorized")
    states = {
        token["id"]: token["state"] for token in service.json("/tokens", headers=bearer(admin))["tokens"]
    }
    assert states[made["id"]] == "revoked"


def test_one_learns_what_ones_own_token_may_do(service: Service) -> None:
    admin = make(service, "admin")["token"]
    made = make(service, "submit", by=admin, expires_in_days=90)
    told = service.json("/tokens/me", headers=bearer(made["token"]))
    assert told == {
        "name": "a submit token",
        "scope": "submit",
        "id": made["id"],
        "expires_at": made["expires_at"],
        "tokens_demanded": True,
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "read"}, "name"),
        ({"name": "", "scope": "read"}, "name"),
        ({"name": " ", "scope": "read"}, "name"),
        ({"name": "a\nb", "scope": "read"}, "name"),
        ({"name": "\x1b[31m", "scope": "read"}, "name"),
        ({"name": "x" * 201, "scope": "read"}, "name"),
        ({"name": 1, "scope": "read"}, "name"),
        ({"name": "x"}, "scope"),
        ({"name": "x", "scope": "root"}, "scope"),
        ({"name": "x", "scope": "READ"}, "scope"),
        ({"name": "x", "scope": "read", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "scope": "read", "expires_in_days": 3651}, "expires_in_days"),
        ({"name": "x", "scope": "read", "expires_in_days": 1.5}, "expires_in_days"),
        ({"name": "x", "scope": "read", "token": "mine"}, "token"),
    ],
)
def test_a_bad_wish_is_refused_at_its_field(service: Service, body: Json, field: str) -> None:
    assert_problem(service.post("/tokens", body), 422, "invalid_request", field)


@pytest.mark.parametrize("name", ["nobody00", "me", "x", "a%00b", "NOBODY00", "a" * 500, "..%2fjobs"])
def test_to_revoke_what_is_not_there_is_not_found(service: Service, name: str) -> None:
    assert_problem(service.client.delete(f"/tokens/{name}"), 404, "not_found")
