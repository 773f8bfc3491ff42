"""The schema of a stack, brought to the newest; and the token with which Prometheus reads `/metrics`."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from api.provision.secrets import GROUPS, PROMETHEUS_TOKEN
from api.provision.vault import Vault
from api.tokens import store
from api.tokens.scope import TokenScope
from api.tokens.text import digest
from migrations.migrate import upgrade
from shared.db import Database


def migrate(database: Database, folder: Path, group: int = GROUPS["prometheus"]) -> None:
    """Safe to repeat: a token that the database knows is kept. Raises OSError."""
    upgrade(database.engine)
    vault = Vault(folder)
    held = vault.read(PROMETHEUS_TOKEN)
    with database.write() as session:
        if held is not None and _is_known(session, held):
            return
        # The file is written before the commit: a token that nobody could read would be made at every start.
        _, token = store.create(session, "prometheus", TokenScope.READ, database.now(session))
        vault.put(PROMETHEUS_TOKEN, token.text, group)


def _is_known(session: Session, text: str) -> bool:
    return digest(text) in {token.sha256 for token in store.unrevoked(session)}
