"""The two shapes every body is made of, and the values the examples share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

JOB_ID = "019a3f5c2e10a1b2c3d4e5"
TIME = "2026-11-21T09:20:48.125000Z"
SAMPLE = {"rss_bytes": 912_000_000, "swap_bytes": 0}


def example(**values: Any) -> dict[str, Any]:
    """The `json_schema_extra` of a body with one example."""
    return {"examples": [values]}


class View(BaseModel):
    """A response body."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)


class Ask(BaseModel):
    """A request body: unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, extra="forbid", allow_inf_nan=False, frozen=True, strict=True
    )
