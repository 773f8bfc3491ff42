"""A job's request from a file and from --set flags. Pure but for reading the file."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from cli.errors import WrongUsage

Json = dict[str, Any]


def read_spec(source: str) -> Json:
    """The JSON object of a file, or of stdin for `-`. Raises WrongUsage."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"--file {source} cannot be read ({error})") from None
    try:
        spec = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise WrongUsage(f"--file {source} is not JSON: {error}") from None
    if not isinstance(spec, dict):
        raise WrongUsage(f'--file {source} must hold a JSON object, such as {{"workload": "celestial"}}')
    return spec


def apply_settings(spec: Json, settings: Sequence[str]) -> Json:
    """A spec with each `path.to.key=value` laid over it. Raises WrongUsage."""
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not all(path.split(".")):
            raise WrongUsage(f"--set {setting!r} must look like trainer.epochs=5")
        spec = _with(spec, path.split("."), _value(text, setting), setting)
    return spec


def _with(spec: Json, keys: Sequence[str], value: Any, setting: str) -> Json:
    first, rest = keys[0], keys[1:]
    if not rest:
        return {**spec, first: value}
    below = spec.get(first, {})
    if not isinstance(below, dict):
        raise WrongUsage(f"--set {setting!r} goes into {first}, which is the value {below!r}")
    return {**spec, first: _with(below, rest, value, setting)}


def _value(text: str, setting: str) -> Any:
    """JSON where it is JSON, else the text itself, so that strings need no quotes."""
    if text in ("NaN", "Infinity", "-Infinity"):
        raise WrongUsage(f"--set {setting!r}: JSON has no {text}")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")
