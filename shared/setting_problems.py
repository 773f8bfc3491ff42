"""What is wrong with the settings, in one sentence: which variable, flag or file, and what would be right."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import SettingsError

PREFIX = "EPOCHD_"

FORMS = {"allowed_hosts": 'must be a JSON list of host names, such as ["localhost","train.example.org"]'}
"""Field -> what it must be, where pydantic's own words do not say it."""


def settings_sentence(error: ValidationError | SettingsError, flags: Collection[str], folder: Path) -> str:
    """The sentence, without any value; `flags` are the fields that a command line gave."""
    if isinstance(error.__cause__, OSError):
        return f"{error.__cause__.filename} cannot be read: {error.__cause__.strerror}"
    return "; ".join(
        f"{_where(field, flags, folder)}: {_what(field, said)}" for field, said in _problems(error)
    )


def _problems(error: ValidationError | SettingsError) -> Sequence[tuple[str, str]]:
    """Field and what a library says of it."""
    if isinstance(error, ValidationError):
        items = error.errors(include_url=False, include_input=False)
        return [(str(item["loc"][0]), item["msg"]) for item in items]
    found = re.search(r'for field "(\w+)"', str(error))
    return [(found[1], "cannot be read")] if found else [("secrets", str(error))]


def _where(field: str, flags: Collection[str], folder: Path) -> str:
    if field in flags:
        return f"--{field.replace('_', '-')}"
    variable = f"{PREFIX}{field.upper()}"
    file = folder / variable.lower()
    return str(file) if variable not in os.environ and file.exists() else variable


def _what(field: str, message: str) -> str:
    message = FORMS.get(field, message.removeprefix("Value error, "))
    return message[0].lower() + message[1:]
