"""Who may listen where, which host a header names, and which slot a running job keeps."""

from __future__ import annotations

import pytest

from api.scrape.slots import SlotTable
from api.security import host_name, is_loopback, refuse_open_bind


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    refuse_open_bind(host, has_token=False)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org", "localhost.example", "*"]
)
def test_any_other_address_needs_a_token_and_says_so(host: str) -> None:
    with pytest.raises(ValueError, match="token"):
        refuse_open_bind(host, has_token=False)
    refuse_open_bind(host, has_token=True)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:80", "localhost"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("a:b:80", "a:b"),
        ("a:", "a:"),
        ("::1", ":"),
        ("", ""),
    ],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name


def test_a_job_keeps_its_slot_until_it_ends_and_the_next_takes_it() -> None:
    slots = SlotTable(2)
    assert slots.seat(["a", "b", "c"]) == {"a": 0, "b": 1}
    assert slots.seat(["b", "c"]) == {"c": 0, "b": 1}
    assert slots.seat(["b"]) == {"b": 1}
    assert slots.seat([]) == {}
