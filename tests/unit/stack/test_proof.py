"""The table of `./run containers`: what failed is never lost, and nothing is waited for that cannot come."""

from __future__ import annotations

import pytest

from tests.containers.curl import wait
from tests.containers.engine import EngineError
from tests.containers.table import Table


def test_a_claim_that_does_not_hold_is_noted_and_ends_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table()
    table.prove("water is wet", lambda: "it is")
    table.leave("fire is cold", "there is none here")

    def refute() -> str:
        raise EngineError("it is not")

    with pytest.raises(EngineError):
        table.prove("ice is hot", refute)
    assert table.failed
    assert table.count() == "1 proved, 1 FAILED, 1 not tried"
    assert "FAILED" in capsys.readouterr().out


def test_what_is_not_tried_is_no_failure() -> None:
    table = Table()
    table.leave("fire is cold", "there is none here")
    assert not table.failed


def test_a_wait_takes_the_first_answer_and_says_at_the_end_what_was_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.containers.curl.BEAT", 0.0)
    answers = iter([None, 0, "here"])
    assert wait("an answer", 60, lambda: next(answers)) == "here"
    with pytest.raises(EngineError, match="an answer did not come within 0 s"):
        wait("an answer", 0, lambda: None)
