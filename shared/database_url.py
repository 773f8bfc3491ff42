"""What the address of the database must be. Checked at the start, for it holds a password.

Libraries read a password with a raw @ as host, port or path, and their errors tell it.
"""

from __future__ import annotations

import re

_SQLITE = re.compile(r"sqlite(\+\w+)?://(/.*)?", re.DOTALL)

_SERVER = re.compile(
    r"(?!sqlite\b)\w+(\+\w+)?://"
    r"([^:/]*(:[^@]*)?@)?"  # user and password, as SQLAlchemy takes them: the password ends at its first @
    r"(\[[^/?\]@]+\]|[^/:?@\[\]]+)?(:\d{0,5})?"
    r"(/[^?@]*)?(\?[^@]*)?"
)


def check_database_url(url: str) -> None:
    """Raises ValueError, which tells nothing of the address."""
    if not (_SQLITE.fullmatch(url) or _SERVER.fullmatch(url)):
        raise ValueError(
            "must be an address such as postgresql+psycopg://USER:PASSWORD@host:5432/NAME or "
            "sqlite:////path/epochd.db; percent-encode the password (%40 for @, %3A for :, %2F for /)"
        )
