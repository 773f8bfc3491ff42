"""Writes captions for the drawings of the npm package openmoji (CC BY-SA 4.0), in the format of data.path.

    npm pack openmoji@17.0.0 && tar -xzf openmoji-17.0.0.tgz -C DATA_ROOT
    python -m worker.workloads.engraving.openmoji_captions DATA_ROOT/package

writes DATA_ROOT/package/metadata.json, for `"data": {"path": "package", "images": "color/svg"}` (or
`black/svg`). A caption is the drawing's annotation with the words of its tags that are not yet in it. Left
out are flags, skin tones, and drawings joined of several: their variants look nearly the same, and a split
by chance would have the one to train and the other to test.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from shared.errors import DataError

SOURCE, TARGET = Path("data") / "openmoji.json", "metadata.json"
FIELDS = ("hexcode", "group", "annotation", "tags", "openmoji_tags", "skintone")
LEFT_OUT = ("flags", "component")
"""Groups; `component` is of skin tones and hair by themselves."""
JOINER = "200D"


def main() -> None:
    """The command above; ends with a sentence where the folder is no such package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the unpacked package")
    folder = parser.parse_args().folder
    try:
        rows = write_captions(folder)
    except DataError as error:
        sys.exit(f"error: {error}")
    words = sum(len(row["caption"].split()) for row in rows) / len(rows)
    sys.stdout.write(f"{folder / TARGET}: {len(rows):,} captions of {words:.1f} words on average\n")


def write_captions(folder: Path) -> list[dict[str, str]]:
    """The entries of the written metadata file. Raises DataError where the folder is no such package."""
    rows = [_row(entry) for entry in _entries(folder / SOURCE) if _is_taken(entry)]
    if not rows:
        raise DataError(f"{folder / SOURCE} has no drawing that is neither flag, skin tone nor joined")
    (folder / TARGET).write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    return rows


def caption_of(entry: dict[str, Any]) -> str:
    """The annotation, then the tags' words, each once."""
    said = str(entry["annotation"]).split()
    known = {word.lower().strip(":") for word in said}
    for word in f"{entry['tags']} {entry['openmoji_tags']}".replace(",", " ").split():
        if word.lower() not in known:
            known.add(word.lower())
            said.append(word)
    return " ".join(said)


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read: {error}; give the folder that npm's archive holds"
        ) from error
    if not isinstance(told, list) or not all(_is_entry(one) for one in told):
        raise DataError(f"{path} must be a list of objects with {', '.join(FIELDS)}")
    return told


def _is_entry(one: Any) -> bool:
    """Texts, but for some tags that are numbers."""
    return isinstance(one, dict) and all(isinstance(one.get(field), str | int) for field in FIELDS)


def _is_taken(entry: dict[str, Any]) -> bool:
    joined = JOINER in str(entry["hexcode"]).split("-")
    return not entry["skintone"] and not joined and entry["group"] not in LEFT_OUT


def _row(entry: dict[str, Any]) -> dict[str, str]:
    code = entry["hexcode"]
    return {"id": code, "filename": f"{code}.svg", "caption": caption_of(entry)}


if __name__ == "__main__":
    main()
