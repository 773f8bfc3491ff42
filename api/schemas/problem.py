"""Errors as the API tells them: RFC 9457 problem documents."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from api.schemas.shape import View, example


class FieldProblemView(View):
    """What is wrong with one field."""

    field: str
    """Dotted path in the body, or the name of a parameter or header; empty for the body as a whole."""
    message: str


class Problem(View):
    """An error, RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra=example(
            type="about:blank",
            title="Unprocessable Content",
            status=422,
            code="invalid_spec",
            detail="trainer.epochs: input should be greater than or equal to 1",
            instance="/jobs",
            fields=[{"field": "trainer.epochs", "message": "input should be greater than or equal to 1"}],
        )
    )

    type: str = "about:blank"
    title: str
    """The HTTP status in words."""
    status: int
    code: str
    """Stable; for programs."""
    detail: str
    """One sentence; for people."""
    instance: str
    """The path that was asked for."""
    fields: list[FieldProblemView] = Field(default_factory=list)
