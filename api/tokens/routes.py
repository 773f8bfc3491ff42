"""Which scope each call needs. What does not stand here is answered to nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.routing import compile_path

from api.tokens.scope import TokenScope

READ, SUBMIT, ADMIN = TokenScope.READ, TokenScope.SUBMIT, TokenScope.ADMIN
OPEN = None
"""Answered without a token: it tells nothing of anybody's work."""

Need = TokenScope | None

ROUTES: Mapping[str, Mapping[str, Need]] = {
    "/": {"GET": OPEN},
    "/web/{name:path}": {"GET": OPEN},
    "/healthz": {"GET": OPEN},
    "/readyz": {"GET": READ},
    "/metrics": {"GET": READ},
    "/openapi.json": {"GET": READ},
    "/jobs": {"GET": READ, "POST": SUBMIT},
    "/jobs/{job_id}": {"GET": READ, "DELETE": ADMIN},
    "/jobs/{job_id}/cancel": {"POST": SUBMIT},
    "/jobs/{job_id}/resume": {"POST": SUBMIT},
    "/jobs/{job_id}/metrics": {"GET": READ},
    "/jobs/{job_id}/memory": {"GET": READ},
    "/jobs/{job_id}/events": {"GET": READ},
    "/jobs/{job_id}/logs": {"GET": READ},
    "/jobs/{job_id}/checkpoints": {"GET": READ},
    "/jobs/{job_id}/artifacts": {"GET": READ},
    "/jobs/{job_id}/artifacts/{artifact_id}": {"GET": READ},
    "/workloads": {"GET": READ},
    "/workloads/{name}": {"GET": READ},
    "/workers": {"GET": READ},
    "/slots": {"GET": READ},
    "/tokens": {"GET": ADMIN, "POST": ADMIN},
    "/tokens/me": {"GET": READ},
    "/tokens/{token_id}": {"DELETE": ADMIN},
}
"""Path template, written as the router has it -> method -> need. HEAD goes with GET."""


@dataclass(frozen=True)
class Declared:
    """What stands here about a path."""

    needs: Mapping[str, Need]

    @property
    def methods(self) -> Sequence[str]:
        """All calls that there are."""
        return sorted(self.needs)

    def has(self, method: str) -> bool:
        """Whether there is such a call."""
        return _declared_as(method) in self.needs

    def need(self, method: str) -> Need:
        """What a call needs that there is."""
        return self.needs[_declared_as(method)]

    def is_open(self, method: str) -> bool:
        """Whether a call is answered without a token."""
        return self.has(method) and self.need(method) is OPEN


def declared(path: str) -> Declared | None:
    """What is declared for a path, as strict as the strictest template that fits it; None for nothing."""
    fitting = [needs for pattern, needs in _PATTERNS if pattern.fullmatch(path)]
    if not fitting:
        return None
    methods = {method for needs in fitting for method in needs}
    return Declared(
        {
            method: max((needs[method] for needs in fitting if method in needs), key=_rank)
            for method in methods
        }
    )


def _declared_as(method: str) -> str:
    return "GET" if method == "HEAD" else method


def _rank(need: Need) -> int:
    return -1 if need is OPEN else need.rank


_PATTERNS: Sequence[tuple[re.Pattern[str], Mapping[str, Need]]] = [
    (compile_path(template)[0], needs) for template, needs in ROUTES.items()
]
