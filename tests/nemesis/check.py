"""The checker: which promises a history breaks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.jobs.status import FINAL, JobStatus
from tests.nemesis.history import Event, History, Look, Span
from tests.nemesis.waits import LIMITS

RULES = (
    "reaches a final state",
    "ends as it should",
    "no two attempts overlap",
    "attempts only grow",
    "no final state is left",
    "no stale write is accepted",
    "equals the undisturbed run",
    "leaves no orphan",
    "no server error",
    "goes on in time",
)


@dataclass(frozen=True)
class Violation:
    """One broken promise."""

    rule: str
    what: str


def check(history: History) -> list[Violation]:
    """Every broken promise; none is what we want."""
    return [
        *_unfinished(history),
        *_wrong_ends(history),
        *_overlaps(history),
        *_shrinking(history),
        *_left_final(history),
        *_seen_leaving(history),
        *(Violation("no stale write is accepted", sentence) for sentence in history.stale_writes),
        *_unequal(history),
        *(Violation("leaves no orphan", f"still alive: {command}") for command in history.orphans),
        *(Violation("no server error", answer) for answer in history.server_errors),
        *_late(history),
    ]


def _last_status(history: History) -> dict[str, str]:
    return {event.job: event.status for event in history.events if event.status is not None}


def _unfinished(history: History) -> Iterator[Violation]:
    last = _last_status(history)
    for job in history.accepted:
        if last.get(job) not in FINAL:
            yield Violation("reaches a final state", f"job {job} was accepted and is {last.get(job, 'gone')}")


def _wrong_ends(history: History) -> Iterator[Violation]:
    last = _last_status(history)
    for job in history.accepted:
        if last.get(job) == JobStatus.FAILED:
            yield Violation("ends as it should", f"job {job} failed although nothing is wrong with it")
        if last.get(job) == JobStatus.CANCELLED and job not in history.cancels:
            yield Violation("ends as it should", f"job {job} was cancelled and nobody asked for it")


def _overlaps(history: History) -> Iterator[Violation]:
    latest: dict[str, Span] = {}
    for span in sorted(history.spans, key=lambda span: span.first):
        before = latest.get(span.job)
        if before is not None and span.first < before.last:
            pair = f"attempts {before.attempt} and {span.attempt} (pids {before.pid}, {span.pid})"
            what = f"job {span.job}: {pair}"
            yield Violation(
                "no two attempts overlap", f"{what} trained at once for {before.last - span.first:.3f} s"
            )
        if before is None or span.last > before.last:
            latest[span.job] = span


def _shrinking(history: History) -> Iterator[Violation]:
    newest: dict[str, int] = {}
    for event in history.events:
        known = newest.get(event.job, 0)
        if event.attempt < known and event.status is not None:
            what = f"job {event.job}: {event.type} of attempt {event.attempt} came after attempt {known}"
            yield Violation("attempts only grow", what)
        if event.type == "claimed" and event.attempt != known + 1:
            yield Violation(
                "attempts only grow", f"job {event.job}: attempt {event.attempt} was claimed after {known}"
            )
        newest[event.job] = max(known, event.attempt)
    yield from _seen_shrinking(history)


def _seen_shrinking(history: History) -> Iterator[Violation]:
    newest: dict[str, int] = {}
    for look in history.looks:
        if isinstance(look, Look):
            if look.attempt < newest.get(look.job, 0):
                what = f"job {look.job} was seen at attempt {newest[look.job]}, later at {look.attempt}"
                yield Violation("attempts only grow", what)
            newest[look.job] = look.attempt


def _left_final(history: History) -> Iterator[Violation]:
    status: dict[str, str] = {}
    for event in history.events:
        if event.status is None:
            continue
        before = status.get(event.job)
        if before in FINAL and not _is_recorded_resume(event, history):
            what = f"job {event.job} was {before} and became {event.status} by {event.type}"
            yield Violation("no final state is left", what)
        status[event.job] = event.status


def _is_recorded_resume(event: Event, history: History) -> bool:
    return event.type == "resumed" and event.job in history.resumes


def _seen_leaving(history: History) -> Iterator[Violation]:
    final: dict[str, str] = {}
    for look in history.looks:
        if isinstance(look, str):
            final.pop(look, None)
        elif look.job in final and look.status != final[look.job]:
            what = f"job {look.job} was seen {final[look.job]}, later {look.status}, without a resume"
            yield Violation("no final state is left", what)
        elif look.status in FINAL:
            final[look.job] = look.status


def _unequal(history: History) -> Iterator[Violation]:
    for job, essence in history.essences.items():
        if essence != history.undisturbed.get(history.variants.get(job, "")):
            what = f"job {job} ended with other weights or metrics than its undisturbed run"
            yield Violation("equals the undisturbed run", what)


def _late(history: History) -> Iterator[Violation]:
    for wait in history.waits:
        if wait.seconds > LIMITS[wait.what]:
            promised = f"{LIMITS[wait.what]:.0f} s is promised"
            what = f"job {wait.job} waited {wait.seconds:.1f} s, {wait.what}; {promised}"
            yield Violation("goes on in time", what)
