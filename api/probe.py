"""`python -m api.probe PORT`: exit code 0 where the service of this container answers; for a HEALTHCHECK."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Sequence

SECONDS = 5.0

ALIVE = (http.client.OK, http.client.MISDIRECTED_REQUEST)
"""The second comes where the settings leave 127.0.0.1 out of the names answered: the service lives."""


def main(arguments: Sequence[str]) -> int:
    """Ask for /healthz. The settings are not read: a probe runs every few seconds and must start fast."""
    connection = http.client.HTTPConnection("127.0.0.1", int(arguments[0]), timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"epochd does not answer: {error}\n")
        return 1
    finally:
        connection.close()
    if status not in ALIVE:
        sys.stderr.write(f"epochd answers {status}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
