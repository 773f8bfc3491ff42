"""What the address of the broker must be: whole and of Redis. Checked at the start, for it holds a password.

Libraries read a password that is not percent-encoded as host, port or path, and their errors tell it.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit


def check_broker_url(url: str) -> None:
    """Raises ValueError, which tells nothing of the address."""
    if not _is_whole(url):
        raise ValueError(
            "must be an address of Redis such as redis://:PASSWORD@host:6379/0 or "
            "redis+socket:///run/redis.sock?virtual_host=0, with what is no letter or digit "
            "in the password percent-encoded (%2F for /, %23 for #)"
        )


def _is_whole(url: str) -> bool:
    if ";" in url:  # Celery takes what follows for a second broker
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return False
    if parts.fragment or "@" in parts.query:
        return False
    return _names_socket(parts) if parts.scheme == "redis+socket" else _names_server(parts)


def _names_server(parts: SplitResult) -> bool:
    is_redis = parts.scheme in ("redis", "rediss") and bool(parts.hostname)
    return is_redis and re.fullmatch(r"/?\d*", parts.path) is not None


def _names_socket(parts: SplitResult) -> bool:
    names_host = parts.hostname is not None or parts.port is not None
    return not names_host and len(parts.path) > 1 and "@" not in parts.path
