"""The watcher: one look for all, nobody woken for others' news, nobody forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from api.watch import Mark, Watcher, of_everything, of_points, of_samples

MARK = Mark("running", 1, 1, 1, 1)


class Script:
    """What each look finds; the last again and again."""

    def __init__(self, *finds: Mapping[str, Mark] | Exception) -> None:
        self.finds = list(finds)
        self.asked: list[list[str]] = []

    def __call__(self, job_ids: Collection[str]) -> Mapping[str, Mark]:
        self.asked.append(sorted(job_ids))
        found = self.finds.pop(0) if len(self.finds) > 1 else self.finds[0]
        if isinstance(found, Exception):
            raise found
        return found


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def test_news_between_the_reading_and_the_waiting_is_not_lost() -> None:
    watcher = Watcher(Script({"a": replace(MARK, point=2)}), at_once)
    assert asyncio.run(watcher.news("a", of_points, MARK, 30))


@pytest.mark.parametrize(
    ("change", "readers"),
    [
        ({"point": 2}, {of_points, of_everything}),
        ({"sample": 2}, {of_samples}),
        ({"event": 2}, {of_everything}),
        ({"log_bytes": 2}, {of_everything}),
        ({"status": "failed"}, {of_points, of_samples, of_everything}),
    ],
)
def test_only_those_are_woken_whom_it_concerns(change: dict[str, int], readers: set[object]) -> None:
    news = replace(MARK, **change)  # type: ignore[arg-type]
    for part in (of_points, of_samples, of_everything):
        assert (part(news) != part(MARK)) == (part in readers)


def test_a_job_that_is_gone_wakes_its_readers() -> None:
    assert asyncio.run(Watcher(Script({}), at_once).news("a", of_points, MARK, 30))


def test_one_look_serves_all_who_wait() -> None:
    script = Script({"a": MARK, "b": MARK}, {"a": replace(MARK, point=2), "b": replace(MARK, point=2)})
    watcher = Watcher(script, at_once)

    async def everybody() -> list[bool]:
        waits = [watcher.news(job, of_points, MARK, 30) for job in ("a", "b") for _ in range(100)]
        return await asyncio.gather(*waits)

    assert asyncio.run(everybody()) == [True] * 200
    assert all(asked == ["a", "b"] for asked in script.asked)
    assert len(script.asked) < 5


def test_time_runs_out_and_nothing_is_left_behind() -> None:
    watcher = Watcher(Script({"a": MARK}), at_once)
    assert not asyncio.run(watcher.news("a", of_points, MARK, 0.001))
    assert watcher._waiters == {}


def test_closing_sends_everybody_home_now_and_later() -> None:
    watcher = Watcher(Script({"a": MARK}), at_once)

    async def close_while_waiting() -> list[bool]:
        waiting = asyncio.create_task(watcher.news("a", of_points, MARK, 30))
        await asyncio.sleep(0)
        watcher.close()
        return [await waiting, await watcher.news("a", of_points, MARK, 30)]

    assert asyncio.run(close_while_waiting()) == [False, False]


def test_a_look_that_fails_is_told_to_those_who_wait_and_the_next_looks_again() -> None:
    watcher = Watcher(Script(OSError("disk"), {"a": replace(MARK, point=2)}), at_once)

    async def twice() -> bool:
        with pytest.raises(OSError, match="disk"):
            await watcher.news("a", of_points, MARK, 30)
        return await watcher.news("a", of_points, MARK, 30)

    assert asyncio.run(twice())
