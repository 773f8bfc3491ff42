"""The overview cache: never an old answer, never more than it may hold."""

from __future__ import annotations

from api.overview_cache import OverviewCache


def test_what_is_known_is_not_made_again_until_a_point_arrives() -> None:
    cache, made = OverviewCache(), iter([b"one", b"two"])
    assert cache.get("a", 1, lambda: next(made)) == cache.get("a", 1, lambda: next(made)) == b"one"
    assert cache.get("a", 2, lambda: next(made)) == b"two"


def test_a_question_never_gets_the_answer_of_another() -> None:
    cache = OverviewCache()
    assert cache.get("a", 1, lambda: b"a") == b"a"
    assert cache.get("b", 1, lambda: b"b") == b"b"


def test_the_least_lately_asked_is_forgotten() -> None:
    cache = OverviewCache(2)
    for asked in ("a", "b", "a", "c"):
        cache.get(asked, 1, asked.encode)
    assert cache.get("a", 1, lambda: b"again") == b"a"
    assert cache.get("b", 1, lambda: b"again") == b"again"
