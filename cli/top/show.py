"""Where looks are shown: in place in a terminal, block after block in a pipe, as lines of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cli.console import clean, print_json_line, say

Lines = list[str]


@contextmanager
def blocks() -> Iterator[Callable[[Lines], None]]:
    """Each picture under the one before, an empty line between."""
    shown = False

    def show(lines: Lines) -> None:
        nonlocal shown
        for line in ["", *lines] if shown else lines:
            say(clean(line))
        shown = True

    yield show


@contextmanager
def in_place() -> Iterator[Callable[[Lines], None]]:
    """One screen, redrawn; what stood in the terminal comes back at the end."""
    from rich.live import Live  # a tenth of a second that only this screen needs
    from rich.text import Text

    with Live(auto_refresh=False, screen=True, vertical_overflow="crop") as live:

        def show(lines: Lines) -> None:
            text = Text("\n".join(clean(line) for line in lines), no_wrap=True, overflow="ellipsis")
            text.highlight_regex(r"(?m)^[A-Z][A-Z ]+$", "bold")
            text.highlight_words(["running", "alive"], "green")
            text.highlight_words(["queued", "stopping"], "cyan")
            text.highlight_words(["failed", "cancelled", "gone", "trying again"], "bold yellow")
            text.highlight_regex("[█]+", "green")
            live.update(text, refresh=True)

        yield show


def as_json(seen: dict[str, Any]) -> None:
    """A look on one line."""
    print_json_line(seen)
