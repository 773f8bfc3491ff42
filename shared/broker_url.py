"""What the address of the broker must be: whole and of Redis. Checked at the start, for it holds a password.

Libraries read a password that is not percent-encoded as host, port or path, and their errors tell it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def check_broker_url(url: str) -> None:
    """Raises ValueError, which tells nothing of the address."""
    if not _is_whole(url):
        raise ValueError(
            "must be an address of Redis such as redis://:PASSWORD@host:6379/0, "
            "with what is no letter or digit in the password percent-encoded (%2F for /, %23 for #)"
        )


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return False
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        return False
    if ";" in url:  # Celery takes what follows for a second broker
        return False
    return re.fullmatch(r"/?\d*", parts.path) is not None and not parts.fragment and "@" not in parts.query
