"""What the tests of the command share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.cli.fake_service import FakeService, serving


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    with serving() as fake:
        monkeypatch.setenv("EPOCHD_URL", fake.url)
        monkeypatch.delenv("EPOCHD_TOKEN", raising=False)
        yield fake
