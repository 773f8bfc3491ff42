"""Small models, batches and folders of images for the tests of the engraving workload."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.specs.engraving import EngravingSpec
from worker.workloads.engraving.data import load_splits
from worker.workloads.engraving.model.multimodal import Multimodal, build_multimodal
from worker.workloads.engraving.pairs import Pairs
from worker.workloads.engraving.tokenizer import END, PAD, START
from worker.workloads.interface import Splits

DATA = {"path": "drawings", "image_size": 64, "vocab_size": 24, "caption_length": 10, "test_share": 0.1}
MODEL = {
    "channels": (4, 8, 8, 8),
    "latent_dim": 16,
    "hidden_dim": 16,
    "embedding_dim": 16,
    "text_layers": 2,
    "n_heads": 2,
}
COLORS = {"red": (220, 40, 30), "green": (30, 160, 60), "blue": (40, 70, 210)}
SHAPES = ("square", "bar", "frame")
PHRASE = 'An engraving, depicting a {color} "{shape}".'


def small_spec(**over: Any) -> EngravingSpec:
    """The smoke preset's loop over a smaller model; `data` and `model` are laid over the small ones."""
    data = {**DATA, **over.pop("data", {})}
    model = {**MODEL, **over.pop("model", {})}
    return EngravingSpec.model_validate({"preset": "smoke", "data": data, "model": model, **over})


def small_model(spec: EngravingSpec | None = None, seed: int = 1) -> Multimodal:
    torch.manual_seed(seed)
    spec = spec or small_spec()
    return build_multimodal(spec, spec.data.vocab_size, bytes(32))


def batch_of(size: int, seed: int = 2, length: int = 7, image_size: int = 64) -> dict[str, Tensor]:
    """Images of noise, and captions of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, 24, (size, length), generator=generator)
    tokens[:, 0] = START
    for row, last in enumerate(torch.randint(2, length, (size,), generator=generator).tolist()):
        tokens[row, last] = END
        tokens[row, last + 1 :] = PAD
    images = torch.rand(size, 3, image_size, image_size, generator=generator) * 2.0 - 1.0
    return {"image": images, "tokens": tokens}


def drawing(color: str, shape: str, place: tuple[int, int], size: int = 64) -> Image.Image:
    """A shape on white."""
    pixels = np.full((size, size, 3), 255, np.uint8)
    row, column = place
    high, wide = (40, 40) if shape != "bar" else (16, 56)
    pixels[row : row + high, column : column + wide] = COLORS[color]
    if shape == "frame":
        pixels[row + 8 : row + high - 8, column + 8 : column + wide - 8] = 255
    return Image.fromarray(pixels)


def planted_rows(folder: Path, count: int = 60, seed: int = 5) -> list[dict[str, str]]:
    """Write so many drawings, whose captions name colour and shape, and answer their metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        color, shape = list(COLORS)[at % 3], SHAPES[at // 3 % 3]
        place = (int(generator.integers(0, 24)), int(generator.integers(0, 8)))
        drawing(color, shape, place).save(folder / f"{at}.png")
        caption = PHRASE.format(color=color, shape=shape)
        rows.append({"id": f"id-{at}", "filename": f"{at}.png", "caption": caption})
    return rows


def write_planted(root: Path, count: int = 60) -> Path:
    """A folder in the documented format beneath a data root."""
    rows = planted_rows(root / "drawings", count)
    (root / "drawings" / "metadata.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


def planted_splits(root: Path, count: int = 60, **data: Any) -> Splits:
    write_planted(root, count)
    return load_splits(small_spec(data=data), root)


def pairs(dataset: object) -> Pairs:
    assert isinstance(dataset, Pairs)
    return dataset


def gradients(model: Multimodal) -> Mapping[str, float]:
    """The greatest gradient of every parameter."""
    return {
        name: 0.0 if one.grad is None else float(one.grad.abs().max())
        for name, one in model.named_parameters()
    }
