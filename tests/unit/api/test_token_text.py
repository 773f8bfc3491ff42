"""The text of a token, the order of scopes, and the table of what each call needs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.tokens.routes import ROUTES, declared
from api.tokens.scope import TokenScope
from api.tokens.text import SECRET_CHARACTERS, digest, new_token, token_id

seeds = st.integers(0, 2**32)


def made(seed: int) -> str:
    return new_token(random.Random(seed).choice).text


@given(seeds)
def test_a_new_token_is_known_by_its_id(seed: int) -> None:
    token = new_token(random.Random(seed).choice)
    assert token_id(token.text) == token.id
    assert token.text.startswith(f"epochd_{token.id}_")
    assert len(token.text) == 6 + 1 + 8 + 1 + 32 + 1 + 6


@given(seeds, st.integers(0, 54), st.sampled_from(SECRET_CHARACTERS + "_- \n"))
def test_one_changed_character_is_noticed(seed: int, place: int, character: str) -> None:
    text = made(seed)
    changed = text[:place] + character + text[place + 1 :]
    assert changed == text or token_id(changed) is None


@given(seeds, st.integers(0, 54))
def test_a_token_that_was_cut_short_is_noticed(seed: int, length: int) -> None:
    assert token_id(made(seed)[:length]) is None


@given(st.text())
def test_any_text_at_all_is_only_no_token(text: str) -> None:
    assert token_id(text) is None
    assert len(digest(text)) == 64


@pytest.mark.parametrize("around", ["{} ", " {}", "{}\n", "{}\0", "x{}"])
def test_nothing_may_stand_around_a_token(around: str) -> None:
    assert token_id(around.format(made(1))) is None


def test_two_tokens_differ_and_neither_shows_itself() -> None:
    first, second = new_token(), new_token()
    assert first.text != second.text and first.id != second.id
    assert first.text not in repr(first)


def test_a_scope_covers_itself_and_the_weaker() -> None:
    read, submit, admin = TokenScope
    assert [admin.covers(scope) for scope in TokenScope] == [True, True, True]
    assert [submit.covers(scope) for scope in TokenScope] == [True, True, False]
    assert [read.covers(scope) for scope in TokenScope] == [True, False, False]


def test_every_template_is_found_with_what_it_needs() -> None:
    for template, needs in ROUTES.items():
        found = declared(template)
        assert found is not None
        assert set(needs) <= set(found.methods)


@pytest.mark.parametrize(
    "path",
    ["", "//", "/web", "/webb", "/healthz/", "/healthz\n", "/Healthz", "/nope",
     "/jobs/", "/jobs/a/b", "/jobs/a/artifacts/b/c", " /healthz"],
)  # fmt: skip
def test_what_is_not_declared_is_not_found(path: str) -> None:
    assert declared(path) is None


def test_only_the_page_and_liveness_are_open() -> None:
    found = {path for path, needs in ROUTES.items() for need in needs.values() if need is None}
    assert found == {"/", "/web/{name:path}", "/healthz"}


def test_head_needs_what_get_needs_and_other_methods_are_not_there() -> None:
    jobs = declared("/jobs")
    assert jobs is not None
    assert jobs.need("HEAD") is TokenScope.READ
    assert not any(jobs.has(method) for method in ("OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "get", ""))
