"""Which images there are and what is said of each: the metadata file of a folder, read and checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import DataError
from shared.specs.engraving import EngravingData
from worker.workloads.data_root import beneath
from worker.workloads.engraving.tokenizer import words_of

FIELDS = ("id", "filename", "caption")


@dataclass(frozen=True)
class Entry:
    """An image and its caption."""

    id: str
    filename: str
    caption: str
    path: Path


@dataclass(frozen=True)
class Listing:
    """The images of a job before they are read."""

    entries: tuple[Entry, ...]
    source: str
    """What the facts call it."""
    skipped: int
    """Entries without a caption."""
    stamp: str
    """What the prepared images are known by, beside the entries themselves."""


def read_listing(data: EngravingData, data_root: Path) -> Listing:
    """The entries of the metadata file that have a caption. Raises DataError naming file, entry and field."""
    assert data.path is not None
    folder = beneath(data_root, data.path)
    name = f"{data.path}/{data.metadata}"
    raw = _bytes(beneath(data_root, f"{data.path}/{data.metadata}", "data.metadata"), name)
    told = _rows(raw, name)
    images = beneath(data_root, f"{data.path}/{data.images}", "data.images")
    entries = [
        _entry(row, at, name, data_root, images) for at, row in enumerate(told, 1) if _has_caption(row)
    ]
    if not entries:
        raise DataError(
            f"none of the {len(told):,} entries of {name} has the field caption; the format is a JSON list "
            f"of objects with {', '.join(FIELDS)}"
        )
    _check_each_once(entries, name)
    stamp = hashlib.sha256(raw).hexdigest()
    return Listing(tuple(entries), str(folder.name), len(told) - len(entries), stamp)


def _bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"the metadata {name} cannot be read ({error.strerror}); set data.path to its folder and "
            "data.metadata to the file's name in it"
        ) from error


def _rows(raw: bytes, name: str) -> list[Any]:
    try:
        told = json.loads(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{name} is not JSON in UTF-8: {error}") from None
    except RecursionError:
        raise DataError(f"{name} is nested too deep; it must be a list of flat objects") from None
    if not isinstance(told, list) or not told:
        raise DataError(f"{name} must be a JSON list of objects with {', '.join(FIELDS)}, one an image")
    return told


def _has_caption(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("caption"), str) and bool(words_of(row["caption"]))


def _entry(row: dict[str, Any], at: int, name: str, data_root: Path, images: Path) -> Entry:
    filename = row.get("filename")
    if not isinstance(filename, str) or not filename:
        raise DataError(f"{name}, entry {at}: the field filename must be the name of an image, as text")
    if not _is_unicode(f"{row.get('id')}{filename}{row['caption']}"):
        raise DataError(
            f"{name}, entry {at}: id, filename and caption must be Unicode text, without lone surrogates"
        )
    path = beneath(data_root, str(images / filename), f"{name}, entry {at}: filename", told=filename)
    if not _is_file(path):
        raise DataError(
            f"{name}, entry {at}: there is no image {filename[:80]!r} in the folder of data.images"
        )
    return Entry(str(row.get("id", at)), filename, row["caption"], path)


def _is_unicode(text: str) -> bool:
    """JSON may have halves of characters (surrogates), which no file could hold."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name too long for any file
        return False


def _check_each_once(entries: list[Entry], name: str) -> None:
    """One image with two captions could be in two splits."""
    seen: set[Path] = set()
    for entry in entries:
        if entry.path in seen:
            raise DataError(
                f"{name} lists the image {entry.filename[:80]!r} more than once; keep one caption"
            )
        seen.add(entry.path)
