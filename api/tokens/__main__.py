"""`python -m api.tokens`: makes, lists and revokes tokens in the database itself, for who holds none yet."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from api.tokens import store
from api.tokens.scope import TokenScope
from api.tokens.text import digest, token_id
from migrations.migrate import upgrade
from shared.db import Database, database_sentence, open_database
from shared.errors import EpochdError
from shared.models import Token
from shared.settings import Settings

COLUMNS = "{:<10}{:<8}{:<9}{:<18}{:<18}{:<18}{}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one thing to the tokens of the settings' database; the exit code."""
    asked = _parse(arguments)
    try:
        with closing(open_database(Settings.load().resolved_database_url)) as database:
            upgrade(database.engine)
            asked.act(database, asked)
    except (EpochdError, OSError, ValueError) as error:
        return _fail(str(error))
    except SQLAlchemyError as error:
        return _fail(database_sentence(error))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m api.tokens",
        description="Bearer tokens, in the database that the EPOCHD_ settings name.",
    )
    verbs = parser.add_subparsers(required=True, metavar="create|list|revoke")
    create = verbs.add_parser("create", help="make a token and show it, once")
    create.add_argument("--name", required=True, type=_name, help="whose it is, or what for")
    create.add_argument("--scope", required=True, type=TokenScope, choices=list(TokenScope))
    create.add_argument("--expires-in-days", type=_days, help="never where not given")
    create.add_argument("--file", type=Path, help="write it there instead, readable by the owner only")
    create.add_argument("--mode", type=_mode, default=0o600, help="permissions of the file, in octal (600)")
    create.add_argument(
        "--keep", action="store_true", help="do nothing where the file holds a token of that scope that works"
    )
    create.set_defaults(act=_create)
    verbs.add_parser("list", help="list all tokens, newest first").set_defaults(act=_list)
    revoke = verbs.add_parser("revoke", help="let a token open nothing any more")
    revoke.add_argument("id", help="the second part of its text, such as 4f0x9a2c")
    revoke.set_defaults(act=_revoke)
    return parser.parse_args(arguments)


def _create(database: Database, asked: argparse.Namespace) -> None:
    if asked.keep and asked.file is not None and _works(database, asked.file, asked.scope):
        sys.stderr.write(f"{asked.file} holds a token of scope {asked.scope} already\n")
        return
    with database.write() as session:
        token, text = store.create(
            session, asked.name, asked.scope, database.now(session), asked.expires_in_days
        )
        if asked.file is not None:  # within the transaction: no token stays that nobody could read
            _write(asked.file, text.text, asked.mode, replace=asked.keep)
    if asked.file is None:
        sys.stdout.write(f"{text.text}\n")
    where = "shown this once" if asked.file is None else f"in {asked.file}"
    sys.stderr.write(f"token {token.id} ({token.name}, scope {token.scope}) is made; its text is {where}\n")


def _list(database: Database, asked: argparse.Namespace) -> None:  # noqa: ARG001
    with database.read() as session:
        tokens, now = store.every(session), database.now(session)
    sys.stdout.write(COLUMNS.format("ID", "SCOPE", "STATE", "CREATED", "EXPIRES", "LAST USED", "NAME"))
    for token in tokens:
        times = (_time(time) for time in (token.created_at, token.expires_at, token.last_used_at))
        name = "".join(character if character.isprintable() else " " for character in token.name)
        sys.stdout.write(COLUMNS.format(token.id, token.scope, store.state(token, now), *times, name))


def _revoke(database: Database, asked: argparse.Namespace) -> None:
    with database.write() as session:
        token = store.revoke(session, asked.id, database.now(session))
    sys.stderr.write(f"token {token.id} ({token.name}) is revoked\n")


def _time(time: datetime | None) -> str:
    return "never" if time is None else f"{time:%Y-%m-%d %H:%M}"


def _works(database: Database, file: Path, scope: TokenScope) -> bool:
    if not file.exists():
        return False
    text = file.read_text(encoding="utf-8").strip()
    with database.read() as session:
        token, now = session.get(Token, token_id(text) or ""), database.now(session)
    if token is None or token.sha256 != digest(text) or token.scope != scope:
        return False
    return store.state(token, now) == "live"


def _write(file: Path, text: str, mode: int, replace: bool) -> None:
    if replace:
        file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        os.fchmod(descriptor, mode)  # whatever the umask
        opened.write(f"{text}\n")
        opened.flush()
        os.fsync(descriptor)


def _name(text: str) -> str:
    if not 1 <= len(text.strip()) <= 200:
        raise argparse.ArgumentTypeError("must have 1 to 200 characters")
    return text.strip()


def _days(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text) or not 1 <= int(text) <= store.MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be 1 to {store.MOST_DAYS} days")
    return int(text)


def _mode(text: str) -> int:
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise argparse.ArgumentTypeError("must be three octal digits, such as 440")
    return int(text, 8)


def _fail(sentence: str) -> int:
    sys.stderr.write(f"epochd: {sentence}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
