"""Nests of dicts, lists, tuples and dataclasses: their tensors by name, a changed copy, an identity."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

WHOLE = "the output"
"""Name of a tensor that stands alone."""


def tensors(nest: Any) -> dict[str, Tensor]:
    """Every tensor of a nest by its dotted name."""
    return dict(_walk(nest, ""))


def floats(nest: Any) -> dict[str, Tensor]:
    """Every floating-point tensor of a nest by its dotted name."""
    return {name: tensor for name, tensor in tensors(nest).items() if tensor.is_floating_point()}


def changed(nest: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nest with every floating-point tensor changed."""
    if isinstance(nest, Tensor):
        return change(nest) if nest.is_floating_point() else nest
    if isinstance(nest, Mapping):
        return {key: changed(value, change) for key, value in nest.items()}
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return type(nest)(*(changed(value, change) for value in nest))
    if isinstance(nest, (list, tuple)):
        return type(nest)(changed(value, change) for value in nest)
    if is_dataclass(nest) and not isinstance(nest, type):
        return replace(
            nest, **{one.name: changed(getattr(nest, one.name), change) for one in fields(nest) if one.init}
        )
    return nest


def identity(sample: Any) -> bytes:
    """A digest of everything in a sample: equal samples have equal ones."""
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, sample)
    return digest.digest()


def _walk(nest: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(nest, Tensor):
        yield name or WHOLE, nest
    for key, value in _children(nest):
        yield from _walk(value, f"{name}.{key}" if name else key)


def _children(nest: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(nest, Mapping):
        yield from ((str(key), value) for key, value in nest.items())
    elif isinstance(nest, tuple) and hasattr(nest, "_fields"):
        yield from zip(nest._fields, nest, strict=True)
    elif isinstance(nest, (list, tuple)):
        yield from ((str(place), value) for place, value in enumerate(nest))
    elif is_dataclass(nest) and not isinstance(nest, type):
        yield from ((one.name, getattr(nest, one.name)) for one in fields(nest))


def _feed(digest: Any, nest: Any) -> None:
    children = list(_children(nest))
    if isinstance(nest, Tensor):
        digest.update(f"{nest.dtype}{tuple(nest.shape)}".encode())
        if nest.numel():
            digest.update(nest.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    elif children:
        for key, value in children:
            digest.update(f"/{key}:".encode())
            _feed(digest, value)
    elif hasattr(nest, "tobytes"):
        digest.update(nest.tobytes())
    else:
        digest.update(repr(nest).encode())
