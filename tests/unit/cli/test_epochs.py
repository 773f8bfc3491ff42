"""A watched job's epochs over its attempts: in the picture, and as lines for a pipe."""

from __future__ import annotations

from typing import Any

from cli.watching.epochs import Epochs
from cli.watching.follow import Update
from cli.watching.picture import Picture, panel
from cli.watching.plain import PlainLines
from tests.unit.cli.fake_service import a_job, a_point, an_event

Json = dict[str, Any]


def mean(epoch: int, value: float, attempt: int = 1) -> Json:
    return a_point(epoch, value, "train", "loss_epoch", attempt)


def val(epoch: int, value: float, attempt: int = 1) -> Json:
    return a_point(epoch, value, attempt=attempt)


def of(*points: Json) -> Epochs:
    epochs = Epochs()
    for point in points:
        epochs.add(point)
    return epochs


FIRST = (
    *(mean(epoch, 1 / epoch) for epoch in (1, 2, 3, 4)),
    *(val(epoch, 2 / epoch) for epoch in (1, 2, 3, 4)),
)


def test_an_epoch_trained_again_voids_what_the_older_attempt_told_of_it_and_behind() -> None:
    epochs = of(*FIRST, mean(3, 0.7, attempt=2))
    assert epochs.train == {1: 1.0, 2: 0.5, 3: 0.7}
    assert epochs.val == {1: 2.0, 2: 1.0}
    epochs.add(val(3, 0.6, attempt=2))
    assert epochs.val == {1: 2.0, 2: 1.0, 3: 0.6}


def test_all_at_once_the_training_of_every_attempt_before_the_validation_comes_to_the_same() -> None:
    again = (mean(3, 0.7, attempt=2), val(3, 0.6, attempt=2))
    train = [point for point in (*FIRST, *again) if point["split"] == "train"]
    validated = [point for point in (*FIRST, *again) if point["split"] == "val"]
    epochs = of(*train, *validated)
    assert epochs.train == {1: 1.0, 2: 0.5, 3: 0.7}
    assert epochs.val == {1: 2.0, 2: 1.0, 3: 0.6}


def test_the_event_of_a_resume_voids_what_lies_behind_its_step_at_once() -> None:
    picture = Picture()
    parts = (a_point(4, 0.2, name="loss_nll"),)
    picture.take(Update(a_job(), FIRST[:4], (*FIRST[4:], *parts)))
    resumed = {**an_event(7, "resumed", checkpoint="c", step=24, exact=True, why=""), "attempt": 2}
    request = an_event(6, "resumed", status="queued", reason="resumed_by_user", message=None)
    picture.take(Update(a_job(attempt=2), events=(request, resumed)))
    assert picture.epochs.val == {1: 2.0, 2: 1.0}
    assert not [line for line in panel(picture) if line.startswith("parts")]


def test_epochs_that_an_older_attempt_told_before_the_resume_stay() -> None:
    epochs = of(*FIRST)
    epochs.rewind(attempt=2, step=48)
    assert sorted(epochs.val) == [1, 2, 3, 4]


def lines_of(lines: PlainLines, picture: Picture, *points: Json, **job: Any) -> list[str]:
    train = tuple(point for point in points if point["split"] == "train")
    validated = tuple(point for point in points if point["split"] == "val")
    picture.take(Update(a_job(**job), train, validated))
    return ["  ".join(line.split("  ")[:3]) for line in lines.new(picture) if line.startswith("epoch")]


def test_plain_lines_tell_again_what_a_newer_attempt_trains_again() -> None:
    lines, picture = PlainLines(), Picture()
    assert len(lines_of(lines, picture, *FIRST)) == 4
    told = lines_of(lines, picture, mean(3, 0.7, 2), val(3, 0.6, 2), attempt=2)
    assert told == ["epoch 3/4  train 0.7  val 0.6"]
    told = lines_of(lines, picture, mean(4, 0.5, 2), val(4, 0.4, 2), attempt=2)
    assert told == ["epoch 4/4  train 0.5  val 0.4"]
    assert lines_of(lines, picture, attempt=2) == []


def test_plain_lines_tell_the_epochs_of_a_job_without_a_validation_split() -> None:
    lines, picture = PlainLines(), Picture()
    best = {"best": None}
    assert lines_of(lines, picture, mean(1, 0.9), **best) == []
    told = lines_of(lines, picture, mean(2, 0.8), **best)
    assert told == ["epoch 1/4  train 0.9  61 samples/s"]
    told = lines_of(lines, picture, mean(3, 0.7), status="succeeded", **best)
    assert [line.split("  ")[0] for line in told] == ["epoch 2/4", "epoch 3/4"]


def test_plain_lines_wait_for_a_validation_that_comes_a_look_later_but_not_while_nothing_answers() -> None:
    lines, picture = PlainLines(), Picture()
    assert lines_of(lines, picture, mean(1, 0.9)) == []
    picture.take(Update(trouble="away"))
    assert lines.new(picture) == ["away"]
    assert lines_of(lines, picture, val(1, 0.8)) == ["epoch 1/4  train 0.9  val 0.8"]
    assert lines_of(lines, picture) == []


def test_a_rewound_epoch_of_one_attempt_is_replaced_and_not_drawn_twice() -> None:
    assert of(val(1, 0.5), val(2, 0.9), val(2, 0.4)).val == {1: 0.5, 2: 0.4}
