"""Every end of a run becomes an exit code, and a failure is said before that."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

from shared.errors import CheckpointError, EpochdError
from worker.protocol import ExitCode
from worker.training.failure import Failure, failure_of
from worker.training.reporter import Reporter

log = logging.getLogger(__name__)


def concluded(run: Callable[[ExitStack], ExitCode], say: Callable[[Failure], None]) -> ExitCode:
    """The exit code of a run. What it holds on the stack is let go after its failure was said."""
    with ExitStack() as held:
        try:
            return run(held)
        except BaseException as error:
            failure = failure_of(error)
            if isinstance(error, EpochdError) and not isinstance(error, CheckpointError):
                log.error("%s", failure.message)  # noqa: TRY400  the sentence says it all
            else:
                log.exception("the trainer gives up: %s", failure.message)
            say(failure)
            return failure.exit_code


def tell(failure: Failure, report: Reporter) -> None:
    """The last line of a trainer that gives up."""
    report.emit("failed", code=failure.code, message=failure.message)
