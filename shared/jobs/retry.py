"""What a crash costs: another try later, or the end. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shared.specs.parts import RetrySpec


@dataclass(frozen=True)
class Again:
    """Try again after `delay_seconds`, with `failures` crashes in a row behind it."""

    delay_seconds: float
    failures: int


@dataclass(frozen=True)
class GiveUp:
    """No further try; `failures` crashes in a row."""

    failures: int


def after_crash(policy: RetrySpec, failures: int, made_progress: bool) -> Again | GiveUp:
    """An attempt that left a newer checkpoint starts the count anew; others add to it."""
    if made_progress:
        return Again(policy.backoff_seconds, 0)
    counted = failures + 1
    if counted >= policy.max_attempts:
        return GiveUp(counted)
    return Again(min(policy.backoff_seconds * 2 ** (counted - 1), policy.max_backoff_seconds), counted)
