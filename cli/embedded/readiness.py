"""Whether the service answers /readyz. Standard library, so that the launcher stays small."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit


def is_ready(url: str, token: str | None = None) -> bool:
    """One look, at most two seconds long.

    A service that asks for a token of its database, which the launcher has not, serves.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status in (http.client.OK, http.client.UNAUTHORIZED)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
