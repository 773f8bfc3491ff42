"""Captions to tokens and back, by a vocabulary that is built from captions or loaded."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shared.errors import DataError
from shared.specs.engraving import SPECIAL_TOKENS

PAD, START, END, UNK = range(SPECIAL_TOKENS)
SPECIAL = ("<PAD>", "<START>", "<END>", "<UNK>")
PUNCTUATION = ".,!?;:'\""
"""Cut from both ends of a word before it is counted and before it is looked up (pitfall P63)."""


def words_of(caption: str) -> list[str]:
    """The lower-case words of a caption, punctuation at their ends cut off."""
    stripped = (word.strip(PUNCTUATION) for word in caption.lower().split())
    return [word for word in stripped if word]


class Tokenizer:
    """The most frequent words of the captions it was built from, after PAD, START, END and UNK."""

    def __init__(self, vocab_size: int = 8000, length: int = 100) -> None:
        self.vocab_size = vocab_size
        self.length = length
        self.words: tuple[str, ...] = ()
        """Every token's text by its number; empty until built."""
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        """Tokens there are, at most `vocab_size`."""
        return len(self.words)

    def build(self, captions: Iterable[str], least_count: int = 1) -> None:
        """Take the most frequent words, those of equal number by their letters."""
        counts = Counter(word for caption in captions for word in words_of(caption))
        often = [word for word, count in counts.items() if count >= least_count and word not in SPECIAL]
        often.sort(key=lambda word: (-counts[word], word))
        self._set((*SPECIAL, *often[: self.vocab_size - SPECIAL_TOKENS]))

    def encode(self, caption: str) -> Tensor:
        """[length] START, the words, END, then PAD; a long caption loses words, never its END."""
        self._check_built()
        words = [self._numbers.get(word, UNK) for word in words_of(caption)][: self.length - 2]
        tokens = [START, *words, END]
        return torch.tensor(tokens + [PAD] * (self.length - len(tokens)), dtype=torch.int64)

    def batch_encode(self, captions: Sequence[str]) -> Tensor:
        """All of them as one tensor [len(captions), length]."""
        self._check_built()
        return torch.stack([self.encode(caption) for caption in captions])

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """The words up to the first END. Raises IndexError for a token that the vocabulary does not have."""
        self._check_built()
        words = []
        for token in torch.as_tensor(tokens).tolist():
            if token == END:
                break
            if token not in (PAD, START):
                words.append(self.words[token])
        return " ".join(words)

    def digest(self) -> bytes:
        """32 bytes that tell one vocabulary from another."""
        self._check_built()
        return hashlib.sha256("\n".join(self.words).encode()).digest()

    def save(self, path: Path) -> None:
        """Write {word2idx, idx2word, vocab_size} as JSON."""
        self._check_built()
        said = {
            "word2idx": self._numbers,
            "idx2word": dict(enumerate(self.words)),
            "vocab_size": self.vocab_size,
            "length": self.length,
        }
        path.write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """What `save` wrote. Raises DataError where the file is not that, or contradicts itself."""
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            words = tuple(said["idx2word"][str(number)] for number in range(len(said["idx2word"])))
            loaded = cls(int(said["vocab_size"]), int(said.get("length", 100)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path.name} is no saved vocabulary: {error!r}") from error
        loaded._set(words)
        loaded._check_loaded(path.name, said["word2idx"])
        return loaded

    def _set(self, words: tuple[str, ...]) -> None:
        self.words = words
        self._numbers = {word: number for number, word in enumerate(words)}

    def _check_built(self) -> None:
        if not self.words:
            raise RuntimeError("Tokenizer vocabulary not built; build it from captions or load a saved one")

    def _check_loaded(self, name: str, numbers: Any) -> None:
        if self.words[:SPECIAL_TOKENS] != SPECIAL:
            raise DataError(f"{name} must begin with {', '.join(SPECIAL)}")
        if numbers != self._numbers:
            raise DataError(f"{name}: word2idx and idx2word do not say the same")
        if len(self.words) > self.vocab_size:
            raise DataError(f"{name} has {len(self.words)} tokens and says vocab_size {self.vocab_size}")


def check_rows(tokenizer: Tokenizer, rows: int) -> None:
    """Raises DataError where a model has no row for some token (pitfall P65)."""
    if len(tokenizer) > rows:
        raise DataError(
            f"the vocabulary has {len(tokenizer)} tokens and the model {rows}; use the vocabulary that the "
            "model was trained with"
        )
