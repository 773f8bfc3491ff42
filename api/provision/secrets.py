"""The secrets of a stack: random, made at its first start, kept from then on.

Every server has its own group, so that in one shared volume each reads what is its own. Whoever makes the
files is a member of every group, and not root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from api.provision.vault import Vault, random_text

GROUPS: Mapping[str, int] = {"postgres": 10011, "redis": 10012, "prometheus": 10013, "grafana": 10014}
"""Group ids, given to the servers by the compose file."""

DATABASE_URL = "postgresql+psycopg://epochd:{password}@postgres:5432/epochd"
BROKER_URL = "redis://:{password}@redis:6379/0"

PROMETHEUS_TOKEN = "prometheus_token"  # noqa: S105  the name of a file


def make_secrets(folder: Path, groups: Mapping[str, int] = GROUPS) -> None:
    """Make what lacks. Raises OSError."""
    vault = Vault(folder)
    postgres = vault.keep("postgres_password", random_text, groups["postgres"])
    redis = vault.keep("redis_password", random_text, groups["redis"])
    vault.keep("redis_users", lambda: _users(redis), groups["redis"])
    vault.keep("grafana_password", random_text, groups["grafana"])
    vault.keep("epochd_token", random_text)
    vault.keep("epochd_database_url", lambda: DATABASE_URL.format(password=postgres))
    vault.keep("epochd_broker_url", lambda: BROKER_URL.format(password=redis))


def _users(password: str) -> str:
    """An access list of Redis, which holds the digest of a password and not the password."""
    return f"user default on #{hashlib.sha256(password.encode()).hexdigest()} ~* &* +@all"
