"""One visit of the page: goes to places, asks the service, and notes what a user must never meet."""

from __future__ import annotations

from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request

Json = dict[str, Any]
Theme = Literal["dark", "light"]


class Visit:
    """A tab, and the errors and the requests to other hosts seen in it.

    `expected` holds parts of console messages that a test provokes on purpose, such as a 401.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.expected: list[str] = []
        self._submitted: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._note)

    def open(self, address: str = "/") -> Page:
        """Go to a place of the page, written as behind its `#`."""
        self.page.goto(f"{self.url}/#{address}")
        return self.page

    def submit(self, **spec: Any) -> str:
        """A job's id."""
        job_id = str(self.ask("POST", "/jobs", json=spec)["id"])
        self._submitted.append(job_id)
        return job_id

    def leave(self) -> None:
        """Cancel what was submitted here and still runs: a test that fails half-way disturbs no other."""
        for job_id in self._submitted:
            httpx.post(f"{self.url}/jobs/{job_id}/cancel", timeout=30)  # 404 or 409: gone or over already

    def ask(self, method: str, path: str, **options: Any) -> Json:
        """The service's own word, to hold the page against."""
        answer = httpx.request(method, f"{self.url}{path}", timeout=30, **options)
        assert answer.is_success, answer.text
        found: Json = answer.json() if answer.content else {}
        return found

    def serious(self, *themes: Theme) -> list[str]:
        """What axe finds that keeps people out, in these themes or both: of serious or critical impact.

        The page is left in the theme it had.
        """
        is_dark = self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        found = [one for theme in themes or get_args(Theme) for one in self._serious(theme)]
        self.page.emulate_media(color_scheme="dark" if is_dark else "light")
        return found

    def _serious(self, theme: Theme) -> list[str]:
        self.page.emulate_media(color_scheme=theme)
        found = Axe().run(self.page).response["violations"]
        return [
            f"{theme}: {rule['id']}: {node['html'][:200]}: {node.get('failureSummary', '')[:300]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.errors.append(message.text)

    def _note(self, request: Request) -> None:
        there = urlsplit(request.url)
        if there.scheme not in ("data", "blob") and there.netloc != urlsplit(self.url).netloc:
            self.foreign.append(request.url)
