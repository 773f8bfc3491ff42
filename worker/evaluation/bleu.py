"""BLEU of captions: shares of n-grams that are right, with a penalty for brevity. Papineni et al. 2002."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import exp, log

Words = Sequence[str]


def corpus_bleu(told: Sequence[Words], truth: Sequence[Words], longest: int = 4) -> dict[str, float | None]:
    """`bleu_1` to `bleu_<longest>` of all captions together, one truth a caption.

    Counts are added up over the captions first. None where no caption told has that many words.
    """
    right, all_told = [0] * longest, [0] * longest
    for one, other in zip(told, truth, strict=True):
        for n in range(1, longest + 1):
            ours, theirs = _ngrams(one, n), _ngrams(other, n)
            right[n - 1] += sum(min(count, theirs[gram]) for gram, count in ours.items())
            all_told[n - 1] += sum(ours.values())
    penalty = _brevity(sum(map(len, told)), sum(map(len, truth)))
    return {f"bleu_{n}": _mean(right[:n], all_told[:n], penalty) for n in range(1, longest + 1)}


def _mean(right: Sequence[int], told: Sequence[int], penalty: float) -> float | None:
    if not all(told):
        return None
    if not all(right):
        return 0.0
    return penalty * exp(sum(log(r / t) for r, t in zip(right, told, strict=True)) / len(right))


def _brevity(told: int, truth: int) -> float:
    if told >= truth:
        return 1.0
    return exp(1.0 - truth / told) if told else 0.0


def _ngrams(words: Words, n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1))
