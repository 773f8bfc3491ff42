"""Whether the service answers /readyz. Standard library, so that the launcher stays small."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

SERVING = (http.client.OK, http.client.UNAUTHORIZED, http.client.MISDIRECTED_REQUEST)
"""It also serves where it asks for a token that the launcher has not, or answers to other names alone."""


def is_ready(url: str, token: str | None = None) -> bool:
    """One look, at most two seconds long."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status in SERVING
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
