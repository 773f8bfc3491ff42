"""Whether the service answers /readyz with 200. Standard library, so that the launcher stays small."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit


def is_ready(url: str, token: str | None = None) -> bool:
    """One look, at most two seconds long."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=2)
    try:
        connection.request("GET", "/readyz", headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
