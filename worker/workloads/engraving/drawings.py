"""The text of an SVG file, checked to be one that names no file beside itself."""

from __future__ import annotations

import re
from xml.parsers import expat

from shared.errors import DataError
from worker.workloads.engraving.entries import Entry

DEEPEST = 64
"""Elements within each other. The renderer's stack overflows at 300 or fewer, which ends the process."""
WITHIN = re.compile(r"#|data:image/(png|jpe?g|gif|webp)[;,]", re.IGNORECASE)
"""What a reference may begin with. Embedded SVGs are left out: they may refer to files in their turn."""
REFERENCE = re.compile(r"url\(\s*[\"']?\s*([^)]*)|@import\s*(.*)", re.IGNORECASE)
"""Of style sheets, and of attributes in their language."""


def drawing_text(entry: Entry) -> str:
    """What the renderer may be given. Raises DataError naming the file, and what it refers to."""
    name = f"the drawing {entry.filename[:80]!r}"
    try:
        text = entry.path.read_bytes().decode("utf-8-sig")
        _Check(name).run(text)
    except (OSError, UnicodeDecodeError, expat.ExpatError) as error:
        raise DataError(f"{name} cannot be read as XML in UTF-8: {error}") from error
    return text


class _Check:
    """One pass of a parser that expands no entities and opens no files."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.depth = 0
        self.text: list[str] = []
        """Since the last tag: style sheets are text, maybe in parts."""

    def run(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.text.append
        parser.Parse(text, True)

    def _doctype(self, _name: str, _system: str | None, _public: str | None, internal: bool) -> None:
        if internal:
            raise DataError(f"{self.name} has declarations in its DOCTYPE; save it as plain SVG, without any")

    def _start(self, _tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise DataError(f"{self.name} has elements nested more than {DEEPEST} deep; flatten its groups")
        self._check_text()
        for name, value in attributes.items():
            if name.rpartition(" ")[2].lower() == "href":
                self._check_reference(value)
            self._check_style(value)

    def _end(self, _tag: str) -> None:
        self.depth -= 1
        self._check_text()

    def _check_text(self) -> None:
        self._check_style("".join(self.text))
        self.text.clear()

    def _check_style(self, style: str) -> None:
        for found in REFERENCE.finditer(style):
            self._check_reference(found[1] if found[1] is not None else found[2])

    def _check_reference(self, reference: str) -> None:
        if reference.strip() and not WITHIN.match(reference.strip()):
            raise DataError(
                f"{self.name} refers to {reference.strip()[:80]!r}; a drawing may refer to its own parts "
                "only (#...) and to PNG, JPEG, GIF or WebP images embedded in it; embed what it shows"
            )
