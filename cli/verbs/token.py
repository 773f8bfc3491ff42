"""`epochd token`: who may ask the service what."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any
from urllib.parse import quote

from cli import figures
from cli.console import print_json, print_table, remark, say
from cli.exits import Exit
from cli.options import add_service_options, service

DESCRIPTION = """\
Makes, lists and revokes bearer tokens, and tells what one's own may do. A token is sent as EPOCHD_TOKEN.
The first one, where the service demands one already and nobody holds any, is made on the server itself:
python -m api.tokens create --name NAME --scope admin"""
HEADERS = ("ID", "SCOPE", "STATE", "CREATED", "EXPIRES", "LAST USED", "NAME")
SCOPES = ("read", "submit", "admin")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs beneath `token`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    below = parser.add_subparsers(required=True, metavar="create|list|revoke|show")
    create = below.add_parser("create", help="make a token; its text is printed this once")
    create.add_argument("--name", required=True, help="whose it is, or what for")
    create.add_argument(
        "--scope",
        required=True,
        choices=SCOPES,
        help="read looks; submit also submits, cancels, resumes; admin also deletes and manages tokens",
    )
    create.add_argument("--expires-in-days", type=int, metavar="DAYS", help="never where not given")
    lists = below.add_parser("list", help="list all tokens, newest first")
    revoke = below.add_parser("revoke", help="let a token open nothing any more")
    revoke.add_argument("id", metavar="ID", help="id of the token: the second part of its text")
    show = below.add_parser("show", help="tell what the token in use may do")
    for verb, act in ((create, _create), (lists, _list), (revoke, _revoke), (show, _show)):
        add_service_options(verb)
        verb.set_defaults(act=act)


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb beneath says."""
    arguments.act(arguments)
    return Exit.OK


def _create(arguments: argparse.Namespace) -> None:
    body = {"name": arguments.name, "scope": arguments.scope}
    if arguments.expires_in_days is not None:
        body["expires_in_days"] = arguments.expires_in_days
    with service(arguments) as client:
        made = client.post("/tokens", body)
    if arguments.json:
        print_json(made)
        return
    say(made["token"])
    remark(f"This is token {made['id']}, of scope {made['scope']}. Keep its text: it is not shown again.")


def _list(arguments: argparse.Namespace) -> None:
    with service(arguments) as client:
        answer = client.get("/tokens")
        now = client.now()
    if arguments.json:
        print_json(answer)
        return
    print_table(HEADERS, [_row(token, now) for token in answer["tokens"]])


def _row(token: dict[str, Any], now: datetime) -> list[str]:
    expires, used = token["expires_at"], token["last_used_at"]
    return [
        token["id"],
        token["scope"],
        token["state"],
        f"{figures.age(token['created_at'], now)} ago",
        "never" if expires is None else figures.parsed(expires).strftime("%Y-%m-%d"),
        "never" if used is None else f"{figures.age(used, now)} ago",
        token["name"],
    ]


def _revoke(arguments: argparse.Namespace) -> None:
    with service(arguments) as client:
        client.delete(f"/tokens/{quote(arguments.id, safe='')}")
    if arguments.json:
        print_json({"revoked": arguments.id})
    else:
        say(f"{arguments.id} is revoked")


def _show(arguments: argparse.Namespace) -> None:
    with service(arguments) as client:
        caller = client.get("/tokens/me")
    if arguments.json:
        print_json(caller)
    elif not caller["tokens_demanded"]:
        say("The service demands no token: whoever reaches it may do all.")
    else:
        until = (
            "" if caller["expires_at"] is None else f", until {figures.parsed(caller['expires_at']):%Y-%m-%d}"
        )
        say(f"{caller['name']}: scope {caller['scope']}{until}")
