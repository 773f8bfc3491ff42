"""Who may ask: host names, other sites' pages, the token; and the headers that keep answers harmless."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import CrossSite, MethodNotAllowed, ScopeTooWeak, WrongHost, error_response
from api.tokens.keyring import Caller, Keyring
from api.tokens.routes import Declared, declared
from shared.errors import EpochdError, NotFound

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

FORWARDED = frozenset({"forwarded", "via", "x-real-ip"})
"""Headers of proxies, beside all that begin with x-forwarded-."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


class Guard:
    """Refuses what must not reach an endpoint, whatever the route; adds the headers to every answer."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str], keyring: Keyring) -> None:
        self._app = app
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # none is served
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._check(scope)
        except EpochdError as refusal:
            await error_response(refusal, scope["path"])(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    async def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host_name(host) not in self._allowed:
            raise WrongHost(f"this service does not answer to the host name {host[:100]!r}")
        if scope["method"] not in SAFE_METHODS and is_cross_site(headers, host):
            raise CrossSite
        found = declared(scope["path"])
        if found is not None and found.is_open(scope["method"]):
            return
        authorization = headers.get("authorization", "")
        caller = await self._keyring.caller(authorization, from_here=is_from_here(headers, host))
        _check_scope(scope["method"], scope["path"], found, caller)
        scope.setdefault("state", {})["caller"] = caller


def _check_scope(method: str, path: str, found: Declared | None, caller: Caller) -> None:
    """Raises NotFound, MethodNotAllowed or ScopeTooWeak."""
    if found is None:
        raise NotFound(f"there is nothing at {path[:200]}")
    if not found.has(method):
        raise MethodNotAllowed(method, path, found.methods)
    needed = found.need(method)
    if needed is not None and not caller.scope.covers(needed):
        raise ScopeTooWeak(
            f"{method} {path[:200]} needs a token of scope {needed}; this one, {caller.name!r}, "
            f"has only {caller.scope}"
        )


def host_name(host: str) -> str:
    """A Host header without its port, in lower case; brackets of IPv6 stay."""
    name, colon, port = host.rpartition(":")
    has_port = bool(colon) and port.isdigit() and not (name.startswith("[") and not name.endswith("]"))
    return (name if has_port else host).lower()


def is_cross_site(headers: Headers, host: str) -> bool:
    """Whether a browser says that another site's page sends this."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    scheme, _, authority = origin.partition("://")
    return scheme not in ("http", "https") or authority.lower() != host.lower()


def is_from_here(headers: Headers, host: str) -> bool:
    """Whether this machine is asked by its own name, and no proxy says that it hands on what another sent."""
    handed_on = any(name in FORWARDED or name.startswith("x-forwarded-") for name in headers)
    return is_loopback(host_name(host)) and not handed_on


def refuse_open_bind(host: str, has_token: bool) -> None:
    """Raises ValueError where others could reach the service and no token keeps them out."""
    if not has_token and not is_loopback(host):
        raise ValueError(
            f"epochd does not listen on {host} without a token: anyone who reaches it could run jobs; "
            "make one with `python -m api.tokens create`, or set EPOCHD_TOKEN to 16 or more characters of "
            "your own choice, or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
