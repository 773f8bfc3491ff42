"""The HTTP client of the command: one function a call, answers as plain JSON, failures as clear sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

from cli.errors import ServiceFailed, Unreachable, WrongUsage, refusal

DEFAULT_URL = "http://127.0.0.1:8642"
Json = dict[str, Any]


class Client:
    """A service at an address. Raises Unreachable, Refused or ServiceFailed."""

    def __init__(
        self, url: str, token: str | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self._ahead = timedelta()
        """How much later it is on the service's clock."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with _told(url):
            self._http = httpx.Client(
                base_url=self.url,
                headers=headers,
                timeout=httpx.Timeout(30.0, connect=5.0),
                transport=transport,
                trust_env=False,  # a proxy for the Internet must not swallow requests to this machine
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Json:
        """The JSON of a GET; parameters that are None are left out."""
        return self._json("GET", path, params=_given(parameters))

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None, **parameters: Any) -> Json:
        """The JSON of a POST."""
        return self._json("POST", path, json=body, headers=headers, params=_given(parameters))

    def delete(self, path: str) -> None:
        """DELETE; the answer has no body."""
        self._send("DELETE", path)

    def now(self) -> datetime:
        """The time by the service's clock, to a second; by this machine's where no answer told it."""
        return datetime.now(UTC) + self._ahead

    def download(self, path: str) -> Iterator[bytes]:
        """The bytes of a file, in pieces."""
        with _told(self.url), self._http.stream("GET", path) as response:
            if response.is_error:
                response.read()
            _raise_for_status(response)
            yield from response.iter_bytes()

    def _json(self, method: str, path: str, **options: Any) -> Json:
        response = self._send(method, path, **options)
        try:
            body = response.json()
        except ValueError:
            raise ServiceFailed(f"{self.url} did not answer with JSON; is it epochd?") from None
        if not isinstance(body, dict):
            raise ServiceFailed(f"{self.url} did not answer as epochd does; is it epochd?")
        return body

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with _told(self.url):
            response = self._http.request(method, path, **options)
        if "date" in response.headers:
            self._ahead = _date(response.headers["date"]) - datetime.now(UTC)
        _raise_for_status(response)
        return response


def client_for(url: str | None) -> Client:
    """The client for --url, else EPOCHD_URL, else the default address; the token is EPOCHD_TOKEN.

    Raises WrongUsage where EPOCHD_TOKEN holds what no header can.
    """
    token = os.environ.get("EPOCHD_TOKEN", "")
    if not (token.isascii() and token.isprintable()):
        raise WrongUsage(
            "EPOCHD_TOKEN must be of letters, digits and signs of ASCII alone, and holds another character; "
            "copy the token once more"
        )
    return Client(url or os.environ.get("EPOCHD_URL") or DEFAULT_URL, token)


def job_path(job_id: str, *rest: str) -> str:
    """The path of a job or of something beneath it, whatever stands in its parts."""
    return "/".join(("/jobs", *(quote(part, safe="") for part in (job_id, *rest))))


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Turns transport errors into the sentence a user can act on."""
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise Unreachable(f"{url!r} is no address; it must begin with http:// or https://") from None
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise Unreachable(
            f"nothing answers at {url}; start the service with `epochd up`, "
            "or name another address with --url or EPOCHD_URL"
        ) from None
    except httpx.TimeoutException:
        raise Unreachable(f"{url} took too long to answer; try again, or read its logs") from None
    except httpx.TransportError as error:
        raise Unreachable(f"the connection to {url} broke ({type(error).__name__}); try again") from None


def _date(header: str) -> datetime:
    try:
        return parsedate_to_datetime(header).replace(tzinfo=UTC)  # HTTP knows no other zone
    except ValueError:
        raise ServiceFailed(f"the service answered with the Date {header!r}, which is none") from None


def _raise_for_status(response: httpx.Response) -> None:
    if response.status_code >= 500:
        problem = refusal(response.status_code, response.content)
        raise ServiceFailed(f"the service failed with {response.status_code}: {problem}")
    if response.status_code >= 400:
        raise refusal(response.status_code, response.content)


def _given(parameters: Mapping[str, Any]) -> Json:
    return {name: value for name, value in parameters.items() if value is not None}
