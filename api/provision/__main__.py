"""`python -m api.provision secrets|migrate`: the one-shots of the stack, which do their work and end."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from api.provision.schema import migrate
from api.provision.secrets import make_secrets
from shared.db import database_sentence, open_database
from shared.log import configure_logging
from shared.settings import Settings

log = logging.getLogger("epochd.provision")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where all is in place, 2 where something kept it from being made."""
    configure_logging("provision")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    asked = _parse(arguments)
    try:
        if asked.what == "secrets":
            make_secrets(asked.folder)
        else:
            _migrate(asked.folder)
    except (OSError, ValueError) as error:
        log.error("%s cannot be put in place: %s", asked.what, error)  # noqa: TRY400
        return 2
    except SQLAlchemyError as error:
        log.error("%s cannot be put in place: %s", asked.what, database_sentence(error))  # noqa: TRY400
        return 2
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m api.provision", description="Prepares a stack; safe to repeat."
    )
    parser.add_argument("what", choices=("secrets", "migrate"))
    parser.add_argument(
        "--folder", type=Path, default=Path("/run/secrets"), help="of the secrets (%(default)s)"
    )
    return parser.parse_args(arguments)


def _migrate(folder: Path) -> None:
    database = open_database(Settings.load().resolved_database_url)
    try:
        migrate(database, folder)
    finally:
        database.close()


if __name__ == "__main__":
    sys.exit(main())
