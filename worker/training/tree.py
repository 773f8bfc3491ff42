"""State dicts taken apart into plain JSON and named tensors, and put together again. No pickle, no classes.

What JSON cannot say is tagged: {"$tensor": name}, {"$tuple": [...]}, {"$items": [[key, value], ...]} for a
mapping whose keys are not plain strings, {"$float": "nan"}.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor


def split(value: Any, tensors: dict[str, Tensor], name: str = "") -> Any:
    """The JSON form of `value`; its tensors are added to `tensors` under dotted names. Raises TypeError."""
    if isinstance(value, Tensor):
        return {"$tensor": _add(tensors, name, value)}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
    if isinstance(value, tuple):
        return {"$tuple": _split_items(value, tensors, name)}
    if isinstance(value, list):
        return _split_items(value, tensors, name)
    if isinstance(value, Mapping):
        return _split_mapping(value, tensors, name)
    raise TypeError(f"state {name!r} holds a {type(value).__name__}, which a checkpoint cannot store")


def join(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The inverse of `split`."""
    if isinstance(value, list):
        return [join(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        return tensors[value["$tensor"]]
    if "$tuple" in value:
        return tuple(join(item, tensors) for item in value["$tuple"])
    if "$items" in value:
        return {key: join(item, tensors) for key, item in value["$items"]}
    if "$float" in value:
        return float(value["$float"])
    return {key: join(item, tensors) for key, item in value.items()}


def _split_items(items: list[Any] | tuple[Any, ...], tensors: dict[str, Tensor], name: str) -> list[Any]:
    return [split(item, tensors, _dotted(name, index)) for index, item in enumerate(items)]


def _split_mapping(mapping: Mapping[Any, Any], tensors: dict[str, Tensor], name: str) -> dict[str, Any]:
    pairs = [(key, split(item, tensors, _dotted(name, key))) for key, item in mapping.items()]
    if all(isinstance(key, str) and not key.startswith("$") for key, _ in pairs):
        return dict(pairs)
    if not all(isinstance(key, (str, int)) for key, _ in pairs):
        raise TypeError(f"state {name!r} has keys that are neither text nor whole numbers")
    return {"$items": [[key, item] for key, item in pairs]}


def _add(tensors: dict[str, Tensor], name: str, tensor: Tensor) -> str:
    while name in tensors:
        name += "~"
    tensors[name] = tensor
    return name


def _dotted(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)
