"""What the train log holds: all that is wrong, of every rank; what goes well, of the first."""

from __future__ import annotations

import logging

import pytest

from worker.training.trainlog import speak_as, train_log

SPEAKERS = ("worker.training.loop", "worker.workloads.celestial.data", "worker.evaluation.plots")


@pytest.mark.parametrize("name", SPEAKERS)
@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, logging.ERROR])
def test_p5_every_warning_and_error_reaches_the_log(
    name: str, level: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with train_log():
        logging.getLogger(name).log(level, "no loss= in this line")
    told = capsys.readouterr().err
    assert told.endswith(f" {logging.getLevelName(level)} no loss= in this line\n")


def test_another_rank_tells_what_is_wrong_and_who_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    with train_log():
        speak_as(3)
        logging.getLogger(SPEAKERS[0]).info("all is well")
        logging.getLogger(SPEAKERS[0]).warning("not all")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" WARNING rank 3: not all")
