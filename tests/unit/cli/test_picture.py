"""What a watched job looks like: the panel, and the lines for a pipe."""

from __future__ import annotations

from cli.watching.follow import Update
from cli.watching.picture import Picture, panel, status_line
from cli.watching.plain import PlainLines
from tests.unit.cli.fake_service import a_job, a_point, an_event


def seen(*updates: Update) -> Picture:
    picture = Picture()
    for update in updates:
        picture.take(update)
    return picture


def test_the_panel_tells_who_how_far_the_curves_and_memory() -> None:
    train = tuple(a_point(epoch, 1 / epoch, "train", "loss_epoch") for epoch in (1, 2, 3))
    text = "\n".join(panel(seen(Update(a_job(), train, (a_point(1, 0.41),)))))
    assert text.splitlines() == [
        "019a3f5c2e10a1b2c3d4e5  celestial/smoke  first try  running · train · attempt 1",
        "██████░░░░░░░░░░░░░░░░░░ 25 %  epoch 1/4  step 12/48  61 samples/s  ETA 1 min 40 s",
        "train  █▃▁  0.3333",
        "val    ▁  0.41",
        "best 0.41 (epoch 1)",
        "RSS 912 MB peak 1.2 GB swap 0 B",
    ]


def test_a_job_that_never_ran_is_shown_without_inventing_numbers() -> None:
    empty = dict.fromkeys(
        ("stage", "epoch", "epochs", "step", "steps", "percent", "eta_seconds", "samples_per_second")
    )
    job = a_job(status="queued", attempt=0, progress=empty, best=None, memory={"latest": {}, "peak": {}})
    assert panel(seen(Update(job)))[1:] == ["░" * 24]


def test_a_failed_job_shows_its_sentence() -> None:
    job = a_job(status="failed", reason="invalid_data", message="row 7 of prices.csv has no close")
    assert "row 7 of prices.csv has no close" in panel(seen(Update(job)))
    assert status_line(job) == "failed · attempt 1 · invalid data"


def test_a_dropped_connection_keeps_the_last_picture_and_says_so() -> None:
    lines = panel(seen(Update(a_job()), Update(trouble="nothing answers - trying again in 1 s")))
    assert lines[0].startswith("019a3f5c")
    assert lines[-1] == "nothing answers - trying again in 1 s"


def test_a_loss_that_was_not_finite_leaves_a_gap_and_no_crash() -> None:
    text = panel(seen(Update(a_job(), val=(a_point(1, 0.5), a_point(2, None)))))
    assert "val    ▁  0.5" in text


def test_plain_lines_say_each_epoch_and_each_change_once() -> None:
    lines, picture = PlainLines(), Picture()
    picture.take(Update(a_job(), (a_point(1, 0.6, "train", "loss_epoch"),), (a_point(1, 0.41),)))
    assert lines.new(picture) == [
        "epoch 1/4  train 0.6  val 0.41  best 0.41 (epoch 1)  61 samples/s  ETA 1 min 40 s  "
        "RSS 912 MB peak 1.2 GB swap 0 B",
        "running · train · attempt 1",
    ]
    assert lines.new(picture) == []
    picture.take(Update(a_job(attempt=2), val=(a_point(1, 0.41), a_point(2, 0.3))))
    assert [line.split("  ")[0] for line in lines.new(picture)] == [
        "epoch 2/4",
        "running · train · attempt 2",
    ]


def test_plain_lines_tell_trouble_before_there_is_any_job() -> None:
    lines = PlainLines()
    assert lines.new(seen(Update(trouble="away"))) == ["away"]


def test_plain_lines_tell_why_a_job_failed_and_what_a_queued_one_waits_for() -> None:
    failed = a_job(status="failed", reason="invalid_data", message="prices.csv holds 3 rows; 320 are needed")
    assert PlainLines().new(seen(Update(failed)))[-1] == "prices.csv holds 3 rows; 320 are needed"
    queued = a_job(status="queued", attempt=0, waiting="no live worker serves the cpu queue")
    assert PlainLines().new(seen(Update(queued))) == ["queued · no live worker serves the cpu queue"]


def test_the_panel_tells_the_components_of_the_loss_swapping_and_what_happened_last() -> None:
    latest = {"rss_bytes": 9e8, "swap_bytes": 5e8, "swap_in_bytes_per_second": 67e6}
    job = a_job(memory={"latest": latest, "peak": {"rss_bytes": 9e8}})
    val = (
        a_point(1, 0.41),
        a_point(1, 0.3, name="loss_nll"),
        a_point(1, 0.03, name="loss_nll_weighted"),
        a_point(1, 0.1, name="loss_direction"),
        a_point(1, 0.9, name="accuracy"),
    )
    text = panel(seen(Update(job, val=val, events=(an_event(1, "warning", message="slow"),))))
    assert text[2:] == [
        "val    ▁  0.41",
        "parts  direction 0.1  nll 0.3",
        "best 0.41 (epoch 1)",
        "RSS 900 MB peak 900 MB swap 500 MB in 67 MB/s out 0 B/s",
        "warning: slow",
    ]


def test_memory_is_that_of_all_processes_of_a_job() -> None:
    latest = {"rss_bytes": 1e9, "job_rss_bytes": 3e9, "swap_bytes": 0, "job_swap_bytes": 2e9}
    peak = {"rss_bytes": 1e9, "rss_peak_bytes": 2e9, "job_rss_bytes": 4e9}
    assert panel(seen(Update(a_job(memory={"latest": latest, "peak": peak}))))[-1] == (
        "RSS 3 GB peak 4 GB swap 2 GB"
    )


def test_plain_lines_tell_each_checkpoint_and_recovery_once() -> None:
    lines, picture = PlainLines(), Picture()
    saved = {"step": 12, "epoch": 1, "bytes": 48e6, "best": True}
    picture.take(Update(a_job(), events=(an_event(1, "checkpoint", **saved),)))
    assert lines.new(picture) == [
        "checkpoint at step 12 (epoch 1), 48 MB, the best so far",
        "running · train · attempt 1",
    ]
    picture.take(Update(a_job(), events=(an_event(2, "recovered", why="memory ran out"),)))
    assert lines.new(picture) == ["recovered: memory ran out"]
    assert lines.new(picture) == []
