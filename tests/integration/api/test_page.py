"""The web page as it is served: every file it names is here, and nothing of it comes from elsewhere."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from tests.integration.api.conftest import Service
from tests.integration.api.planting import assert_problem

OF_OTHERS = "/web/vendor/"


def test_the_page_and_its_parts_come_from_here_and_nowhere_else(service: Service) -> None:
    parts = _parts(service)
    assert {"/web/main.js", "/web/pages/job.js", "/web/style.css"} <= set(parts)
    for name, text in parts.items():
        if not name.startswith(OF_OTHERS):
            assert "//" not in re.sub(r"http://www\.w3\.org/2000/svg|(?m:(?:^|\s)// .*$)", "", text), (
                f"an address elsewhere in {name}"
            )


def test_every_script_that_is_imported_is_preloaded(service: Service) -> None:
    preloaded = re.findall(r'rel="modulepreload" href="([^"]+)"', service.get("/").text)
    scripts = {name for name in _parts(service) if name.endswith(".js")}
    assert set(preloaded) == scripts - {"/web/main.js", "/web/loading.js"}
    assert len(preloaded) == len(set(preloaded))


def test_nothing_stands_in_the_page_that_its_content_security_policy_refuses(service: Service) -> None:
    page = service.get("/")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "<style" not in page.text and not re.search(r"<script(?![^>]*src=)", page.text)
    assert not re.search(r'\son\w+="', page.text) and 'style="' not in page.text


def test_a_browser_that_holds_a_file_already_is_told_so(service: Service) -> None:
    for path in ("/", "/web/style.css"):
        tag = service.get(path).headers["etag"]
        again = service.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert service.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


def test_only_the_scripts_and_styles_of_the_page_are_served(service: Service) -> None:
    for name in ("", "index.html", "vendor/uplot/LICENSE", "../app.py", "%2e%2e/app.py", "pages", "no.js"):
        assert_problem(service.get(f"/web/{name}"), 404, "not_found")


def _parts(service: Service) -> dict[str, str]:
    """Every file the page loads, found as a browser finds them: by its links and its modules' imports."""
    found: dict[str, str] = {}
    left = re.findall(r'(?:src|href)="(/[^"]+)"', service.get("/").text)
    while left:
        name = left.pop()
        if name in found:
            continue
        answer = service.get(name)
        assert answer.status_code == 200, name
        found[name] = answer.text
        imports = re.findall(r'(?m)^import .* from "([^"]+)";$', answer.text)
        left += [urljoin(name, one) for one in imports]
    return found
