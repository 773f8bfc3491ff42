"""How long a service that does not answer is borne: tries with growing delays, and an end after minutes."""

from __future__ import annotations

from collections.abc import Callable

from cli.errors import CliError

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 10.0
GIVE_UP_SECONDS = 300.0
"""So long in a row nothing may answer; requests that time out count as long as they took."""


class Patience:
    """Begins anew whenever the service was heard. `clock` gives seconds that only grow."""

    def __init__(self, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        self._sleep = sleep
        self._clock = clock
        self.heard()

    def heard(self) -> None:
        """The service answered."""
        self._since = self._clock()
        self._delay = FIRST_DELAY_SECONDS

    def trouble(self, error: CliError) -> str:
        """What is wrong, and when the next try is. Raises the error after long silence."""
        if self._clock() - self._since >= GIVE_UP_SECONDS:
            raise error
        return f"{str(error).splitlines()[0]} - trying again in {self._delay:g} s"

    def wait(self) -> None:
        """Until the next try is due."""
        self._sleep(self._delay)
        self._delay = min(2 * self._delay, LONGEST_DELAY_SECONDS)
