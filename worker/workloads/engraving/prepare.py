"""Prepared images on disk: each read, made square and resized once, and found again.

`prepared/engraving/<key>/` beneath the data root holds `images.bin`, the images as PNGs one after another,
and `index.json`, what they are. The key is made of the images' names, sizes and times, the metadata and the
form. The folder is written beside its place and renamed, so that a trainer that dies leaves none half, and
of two at once the second finds the first's.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import DataError
from shared.specs.engraving import EngravingData
from worker.workloads.engraving.entries import Entry
from worker.workloads.engraving.rasters import png_bytes, read_image

FOLDER = Path("prepared") / "engraving"
VERSION = 2
"""A new number where the way of preparing changes, so that older folders are not taken for new ones."""
IMAGES, INDEX = "images.bin", "index.json"


@dataclass(frozen=True)
class Picture:
    """One prepared image: its place in the file, and what is said of it."""

    id: str
    filename: str
    caption: str
    start: int
    size: int


@dataclass(frozen=True)
class Prepared:
    """The images of a job, each once."""

    file: Path
    pictures: tuple[Picture, ...]
    same: int
    """Entries left out because an image before them looks the same."""

    def png(self, picture: Picture) -> bytes:
        """The bytes of one image. Each call opens the file, so that it may be used in any process."""
        with self.file.open("rb") as file:
            file.seek(picture.start)
            return file.read(picture.size)


def prepare_images(entries: Sequence[Entry], stamp: str, data: EngravingData, data_root: Path) -> Prepared:
    """The entries' images in the form a spec asks for, made where not there yet. Raises DataError."""
    folder = data_root / FOLDER / prepared_key(entries, stamp, data)
    if not (folder / INDEX).exists():
        _make(folder, entries, data)
    said = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    pictures = tuple(Picture(**picture) for picture in said["pictures"])
    return Prepared(folder / IMAGES, pictures, said["same"])


def prepared_key(entries: Sequence[Entry], stamp: str, data: EngravingData) -> str:
    """Changes with every image, caption and setting that the prepared files depend on."""
    files = [(entry.id, entry.filename, entry.caption, *_seen(entry.path)) for entry in entries]
    text = json.dumps([VERSION, stamp, data.image_size, data.colors, files])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _seen(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _make(folder: Path, entries: Sequence[Entry], data: EngravingData) -> None:
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    try:
        draft.mkdir(parents=True)
        index = _write_images(draft / IMAGES, entries, data)
        _write(draft / INDEX, json.dumps(index).encode())
        _publish(draft, folder)
    except OSError as error:
        why = f"prepared images cannot be written beneath the data root: {error.strerror}"
        raise OSError(error.errno, why) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _publish(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not (folder / INDEX).exists():  # else another trainer was faster
            raise


def _write_images(path: Path, entries: Sequence[Entry], data: EngravingData) -> dict[str, Any]:
    pictures, seen, start = [], set(), 0
    with path.open("xb") as out:
        for entry in entries:
            image = read_image(entry, data.image_size, data.colors)
            look = hashlib.sha256(image.tobytes()).digest()
            if look in seen:
                continue
            seen.add(look)
            png = png_bytes(image)
            out.write(png)
            pictures.append(vars(Picture(entry.id, entry.filename, entry.caption, start, len(png))))
            start += len(png)
        _sync(out)
    if len(pictures) < 2:
        raise DataError(f"{len(entries):,} images look all the same; there is nothing to learn from them")
    return {"pictures": pictures, "same": len(entries) - len(pictures)}


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as out:
        out.write(content)
        _sync(out)


def _sync(out: Any) -> None:
    out.flush()
    os.fsync(out.fileno())
