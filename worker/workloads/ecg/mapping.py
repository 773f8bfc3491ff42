"""From what a diagnosis says to one of the classes: by name, by code, else by its words.

The order decides where several fit: infarction, atrial fibrillation or flutter, bundle branch block, normal.
Normal is only what says nothing else: a code or word that is not known makes a text mean no class. Codes that
are all known and mean none of these are OTHER.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.specs.ecg import UNMAPPED
from worker.workloads.ecg.snomed import SNOMED

CINC_2017 = {"N": "NORM", "A": "AF"}
"""Whole texts of one letter; O (other) and ~ (noise) stay unmapped."""

WORDS = {
    "MI": re.compile(r"infarct|\b(?:[ailp]|as|al|il|ip|ipl)?mi\b"),
    "AF": re.compile(r"\b(?:atrial|auricular) (?:fibrillation|flutter)|\b(?:af|afib|aflt|afl)\b"),
    "BBB": re.compile(
        r"bundle branch block|\b[ci]?[lr]bbb\b|\bivcd\b|intraventricular conduction|fascicular|\bl[ap]fb\b"
    ),
    "NORM": re.compile(r"\bnorm(?:al)?\b|\bhealthy\b|\bsinus rhythm\b|\bnsr\b"),
}
NORMAL_WORD = re.compile(
    r"norm(?:al)?|healthy|controls?|subject|volunteer|sinus|rhythm|nsr|sr|regular|axis|lead|e[ck]g|"
    r"electrocardiogram|within|limits|adult|age|an?|and|for|in|is|of|the|none|unknown|n"
)
"""All that a normal record may be said to have or be. Short, since what is not known may be an illness."""
WORD = re.compile(r"\d{4,}|[^\W\d]+|\?")
"""Of a clause: a code, a word, or a question; numbers of few digits say nothing."""

SEPARATOR = re.compile(r"[,;]")

NO = re.compile(r"\b(?:no|not|without|negative for|absence of|exclud\w+|ruled out)\b")
DOUBT = re.compile(r"\b(?:excluded|ruled out)\b")
BREAK = re.compile(r"[,;.:|]|\b(?:but|with)\b")
"""What a denial or a doubt does not reach beyond."""
REACH = 200
PART_OF_NORMAL = re.compile(r"\b(?:norm(?:al)?|sinus|p waves?)\b|progression")
"""Whoever has none of this is not normal, though it stands in a denial."""


def map_text(text: str, classes: Sequence[str]) -> str | None:
    """The class a text means, None where it says nothing of any."""
    plain = text.strip()
    for name in classes:
        if plain.casefold() == name.casefold():
            return name
    if plain in CINC_2017:
        return CINC_2017[plain] if CINC_2017[plain] in classes else None
    words = _spelled_out(plain)
    for name, pattern in WORDS.items():
        found = [match for match in pattern.finditer(words) if not _denied(match) and not _doubted(match)]
        if name in classes and found and (name != "NORM" or all(map(_is_normal, BREAK.split(words)))):
            return name
    return UNMAPPED if UNMAPPED in classes and _are_findings(plain) else None


def _are_findings(text: str) -> bool:
    """Whether a text is nothing but codes, and all of them are known."""
    codes = SEPARATOR.sub(" ", text).split()
    return bool(codes) and all(code in SNOMED for code in codes)


def _is_normal(clause: str) -> bool:
    """Whether a clause says nothing but normal words before what it denies, and denies nothing normal."""
    said, *denied = NO.split(clause, maxsplit=1)
    if any(PART_OF_NORMAL.search(part) for part in denied):
        return False
    return all(map(NORMAL_WORD.fullmatch, WORD.findall(said)))


def _denied(match: re.Match[str]) -> bool:
    """Whether its clause says before it that it is not so."""
    before = match.string[max(match.start() - REACH, 0) : match.start()]
    return NO.search(BREAK.split(before)[-1]) is not None


def _doubted(match: re.Match[str]) -> bool:
    """Whether its clause says after it that it is excluded, or cannot be."""
    return DOUBT.search(BREAK.split(match.string[match.end() : match.end() + REACH])[0]) is not None


def _spelled_out(text: str) -> str:
    """In lower case, one space between words, codes as what they stand for, lines apart."""
    lines = "; ".join(text.splitlines())
    words = re.sub(r"\d{6,}", lambda code: SNOMED.get(code[0], code[0]), lines)
    return re.sub(r"[\s_]+", " ", words).lower()
