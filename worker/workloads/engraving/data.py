"""The splits of a job: pairs shuffled by a seed of their own and cut by share; the vocabulary of train."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import DataError
from shared.specs.engraving import EngravingData, EngravingSpec
from worker.workloads.engraving.entries import Listing, read_listing
from worker.workloads.engraving.openmoji import openmoji_listing
from worker.workloads.engraving.pairs import Pairs, collate
from worker.workloads.engraving.prepare import Prepared, prepare_images
from worker.workloads.engraving.tokenizer import UNK, Tokenizer
from worker.workloads.interface import Splits


@dataclass(frozen=True)
class Fitted:
    """What was fitted, and what the evaluation asks of the data."""

    tokenizer: Tokenizer
    rows: int
    """Of the model's token tables."""
    longest: int
    """Tokens of the longest train caption."""
    tested: str
    """The split that is evaluated: `test`, or `validation` where there is no other."""


def load_splits(spec: EngravingSpec, data_root: Path) -> Splits:
    """Find, prepare, divide and encode a job's pairs. Raises DataError."""
    data = spec.data
    listing = openmoji_listing() if data.path is None else read_listing(data, data_root)
    order = np.random.default_rng(data.split_seed).permutation(len(listing.entries))
    chosen = [listing.entries[at] for at in sorted(order[: data.limit].tolist())]
    prepared = prepare_images(chosen, listing.stamp, data, data_root)
    parts = split_positions(len(prepared.pictures), data.val_share, data.test_share, data.split_seed)
    _check_enough(parts)
    tokenizer = fit_tokenizer(data, prepared, parts)
    train, val, test = (_pairs(prepared, positions, tokenizer) for positions in parts)
    fitted = Fitted(
        tokenizer=tokenizer,
        rows=data.vocab_size if spec.model.vocabulary_rows == "vocab_size" else len(tokenizer),
        longest=int((train.tokens != 0).sum(dim=1).max()),
        tested="test" if len(test) else "validation",
    )
    facts = _facts(listing, prepared, {"train": train, "val": val, "test": test}, fitted)
    identity = {"pairs": len(prepared.pictures), "captions": _digest(prepared)}
    return Splits(
        train, val, test if len(test) else val, collate=collate, facts=facts, identity=identity, fitted=fitted
    )


def _digest(prepared: Prepared) -> str:
    told = [(picture.id, picture.filename, picture.caption) for picture in prepared.pictures]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def split_positions(count: int, val_share: float, test_share: float, seed: int) -> tuple[list[int], ...]:
    """Positions of train, validation and test, disjoint, shares rounded down. Its generator is its own."""
    order = np.random.default_rng(seed).permutation(count).tolist()
    val, test = int(count * val_share), int(count * test_share)
    return order[val + test :], order[:val], order[val : val + test]


def fit_tokenizer(data: EngravingData, prepared: Prepared, parts: tuple[list[int], ...]) -> Tokenizer:
    """The vocabulary of the train captions, or of all where a spec asks for it."""
    counted = parts[0] if data.vocabulary == "train" else [at for part in parts for at in part]
    tokenizer = Tokenizer(data.vocab_size, data.caption_length)
    tokenizer.build(prepared.pictures[at].caption for at in counted)
    return tokenizer


def _pairs(prepared: Prepared, positions: list[int], tokenizer: Tokenizer) -> Pairs:
    pictures = tuple(prepared.pictures[at] for at in positions)
    if not pictures:
        return Pairs(prepared, pictures, tokenizer.batch_encode(["none"])[:0])
    return Pairs(prepared, pictures, tokenizer.batch_encode([picture.caption for picture in pictures]))


def _check_enough(parts: tuple[list[int], ...]) -> None:
    train, val, _ = (len(part) for part in parts)
    if not train or not val:
        raise DataError(
            f"{train + val} pairs leave {train} to train and {val} for validation; give more, or another "
            "data.val_share"
        )


def _facts(listing: Listing, prepared: Prepared, splits: dict[str, Pairs], fitted: Fitted) -> dict[str, Any]:
    tokenizer = fitted.tokenizer
    example = splits["train"].captions[0]
    return {
        "source": listing.source,
        "pairs": {name: len(split) for name, split in splits.items()},
        "evaluated_split": fitted.tested,
        "skipped_without_caption": listing.skipped,
        "left_out_as_same_image": prepared.same,
        "tokens": len(tokenizer),
        "most_frequent_words": list(tokenizer.words[4:14]),
        "unknown_words": {
            name: float((split.tokens == UNK).float().sum() / (split.tokens > 2).float().sum().clamp(min=1.0))
            for name, split in splits.items()
        },
        "longest_train_caption": fitted.longest,
        "tokenizer_test": {
            "original": example,
            "encoded": tokenizer.encode(example)[: fitted.longest].tolist(),
            "decoded": tokenizer.decode(tokenizer.encode(example)),
        },
    }
