"""What a guard found: its outcome and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """The answer of one guard."""

    outcome: Outcome
    sentence: str
    """What was seen; of a failure also what to do about it."""


def passed(sentence: str) -> Finding:
    """Nothing is wrong, and what was seen."""
    return Finding("passed", sentence)


def failed(seen: str, advice: str) -> Finding:
    """What was seen, and what the user should do."""
    return Finding("failed", f"{seen}; {advice}")


def skipped(why: str) -> Finding:
    """It could not look, or was told not to."""
    return Finding("skipped", why)
