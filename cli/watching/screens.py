"""Where a watched job is shown: a live panel in a terminal, lines in a pipe, JSON lines for programs."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from cli.console import can_redraw, clean, print_json_line, say
from cli.watching.picture import Picture, panel
from cli.watching.plain import PlainLines


class Screen(Protocol):
    """Shows a picture again and again until it is left."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, picture: Picture) -> None: ...


class LiveScreen:
    """A panel that is redrawn in place."""

    def __enter__(self) -> Self:
        from rich.live import Live  # a tenth of a second that only this screen needs

        self._live = Live(auto_refresh=False, vertical_overflow="crop")
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, picture: Picture) -> None:
        """Redraw the panel."""
        from rich.text import Text

        text = Text("\n".join(clean(line) for line in panel(picture)), no_wrap=True, overflow="ellipsis")
        text.highlight_words(["running", "queued"], "cyan")
        text.highlight_words(["succeeded"], "bold green")
        text.highlight_words(["failed", "cancelled", "trying again", "warning", "recovered"], "bold yellow")
        text.highlight_regex("[█▇▆▅▄▃▂▁]+", "green")
        self._live.update(text, refresh=True)


class LineScreen:
    """One line for each thing that is new."""

    def __init__(self) -> None:
        self._lines = PlainLines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, picture: Picture) -> None:
        """Say what is new."""
        for line in self._lines.new(picture):
            say(clean(line))


class JsonScreen:
    """The job as one line of JSON, whenever it changed."""

    def __init__(self) -> None:
        self._updated_at: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, picture: Picture) -> None:
        """Print the job where it is not the one printed last."""
        if picture.job and picture.job["updated_at"] != self._updated_at:
            self._updated_at = picture.job["updated_at"]
            print_json_line(picture.job)


def fitting_screen(as_json: bool) -> Screen:
    """JSON where asked for, a live panel in a terminal that can be drawn over, lines elsewhere."""
    if as_json:
        return JsonScreen()
    return LiveScreen() if can_redraw() else LineScreen()
