"""The text of a token: `epochd_<id>_<secret>_<checksum>`, known at sight to secret scanners and to people.

The id may be shown; the secret has 190 random bits; the checksum finds a token that was copied in part before
anything is looked up.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

PREFIX = "epochd"
ID_CHARACTERS = string.digits + string.ascii_lowercase
SECRET_CHARACTERS = string.digits + string.ascii_letters
ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 8, 32, 6

ID_FORM = re.compile(rf"[0-9a-z]{{{ID_LENGTH}}}")
_FORM = re.compile(
    rf"({PREFIX}_([0-9a-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH}}})_([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)

Choose = Callable[[str], str]
"""One of the characters, as no one can foresee."""


@dataclass(frozen=True)
class TokenText:
    """A token as its holder has it."""

    id: str
    """The part that may be shown."""
    text: str = field(repr=False)


def new_token(choose: Choose = secrets.choice) -> TokenText:
    """A token that nobody has seen before."""
    token_id = "".join(choose(ID_CHARACTERS) for _ in range(ID_LENGTH))
    secret = "".join(choose(SECRET_CHARACTERS) for _ in range(SECRET_LENGTH))
    body = f"{PREFIX}_{token_id}_{secret}"
    return TokenText(token_id, f"{body}_{_checksum(body)}")


def token_id(text: str) -> str | None:
    """The id of a token; None for what has not the form of one or was garbled."""
    found = _FORM.fullmatch(text)
    if found is None or _checksum(found[1]) != found[3]:
        return None
    return found[2]


def digest(text: str) -> str:
    """What is kept of a token: with so many random bits, a plain SHA-256 tells nothing of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _checksum(body: str) -> str:
    """CRC-32 in base 62, so that it reads as part of the token."""
    left, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        left, digit = divmod(left, len(SECRET_CHARACTERS))
        digits = SECRET_CHARACTERS[digit] + digits
    return digits
