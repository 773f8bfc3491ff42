"""Image files to pixels of one size and colour: square, with white beside what is not."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from shared.errors import DataError
from worker.workloads.engraving.drawings import drawing_text
from worker.workloads.engraving.entries import Entry

if TYPE_CHECKING:
    from PIL.Image import Image

MODES = {"rgb": "RGB", "grey": "L"}
MOST_PIXELS = 120_000_000
"""Of an image that is read; beyond, a small file may fill the memory."""


def read_image(entry: Entry, size: int, colors: str) -> Image:
    """The image of an entry, `size` pixels square. Raises DataError naming the file."""
    if entry.path.suffix.lower() == ".svg":
        return _drawn(entry, size).convert(MODES[colors])
    return _opened(entry, size).convert(MODES[colors])


def png_bytes(image: Image) -> bytes:
    """The image without loss; quick to make and to read again."""
    out = io.BytesIO()
    image.save(out, format="PNG", compress_level=3)
    return out.getvalue()


def pixels_of(png: bytes) -> Tensor:
    """[C, S, S] float32, black -1 and white 1: what a tanh can draw (pitfall P62)."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        values = torch.from_numpy(np.array(image, dtype=np.uint8))
    planes = values[None] if values.dim() == 2 else values.permute(2, 0, 1)
    return planes.to(torch.float32).div_(127.5).sub_(1.0).contiguous()


def _drawn(entry: Entry, size: int) -> Image:
    from PIL import Image
    from resvg_py import svg_to_bytes

    text = drawing_text(entry)
    try:
        png = svg_to_bytes(
            svg_string=text, width=size, height=size, background="white", skip_system_fonts=True
        )
    except ValueError as error:
        raise DataError(f"the drawing {entry.filename[:80]!r} cannot be read: {error}") from error
    with Image.open(io.BytesIO(bytes(png))) as image:
        image.load()
        return _squared(image, size)


def _opened(entry: Entry, size: int) -> Image:
    from PIL import Image

    name = f"the image {entry.filename[:80]!r}"
    try:
        with Image.open(entry.path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise DataError(_too_large(name, f"{image.width} x {image.height}"))
            image.load()
            return _squared(_shown(image, name), size)
    except Image.DecompressionBombError as error:
        raise DataError(_too_large(name, "far too many")) from error
    except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
        raise DataError(f"{name} cannot be read: {error}") from error


def _too_large(name: str, pixels: str) -> str:
    return f"{name} has {pixels} pixels, more than {MOST_PIXELS:,}; make it smaller"


def _shown(image: Image, name: str) -> Image:
    """The right way up, and of 8 bits: what has 16 is scaled, where a conversion would cut it off at 255."""
    from PIL import Image, ImageOps

    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I;16"):
        grey = np.asarray(turned).astype(np.float64) / 257.0
        return Image.fromarray(grey.round().astype(np.uint8))
    if turned.mode in ("I", "F"):
        raise DataError(
            f"{name} has numbers of 32 bits (mode {turned.mode}), whose black and white are not known; save "
            "it with 8 or 16 bits a colour"
        )
    return turned


def _squared(image: Image, size: int) -> Image:
    """On white, its longer side `size` pixels, in the middle."""
    from PIL import Image

    shown = image.convert("RGBA")
    times = size / max(shown.size)
    width, height = (max(1, round(side * times)) for side in shown.size)
    if (width, height) != shown.size:
        shown = shown.resize((width, height), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (size, size), "white")
    square.alpha_composite(shown, ((size - width) // 2, (size - height) // 2))
    return square
