"""What a token may do: read, submit or administer, each including those before it."""

from __future__ import annotations

from enum import StrEnum


class TokenScope(StrEnum):
    """A scope of a token, weakest first."""

    READ = "read"
    """Look at jobs, their files, the fleet, Prometheus."""
    SUBMIT = "submit"
    """Submit, cancel and resume jobs as well."""
    ADMIN = "admin"
    """Delete jobs and manage tokens as well."""

    @property
    def rank(self) -> int:
        """Grows with what is allowed."""
        return list(TokenScope).index(self)

    def covers(self, needed: TokenScope) -> bool:
        """Whether a token of this scope may do what needs the other."""
        return self.rank >= needed.rank
