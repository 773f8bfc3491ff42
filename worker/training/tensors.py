"""Tensors to and from safetensors files: written and hashed in one pass, without a second copy in memory.

The format is that of the safetensors project: eight bytes of header length, a JSON header, the raw bytes,
here from a block on. Its own writer wants a path and would make us read every file back to hash it. Reading
is left to the library.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from shared.errors import CorruptCheckpoint
from worker.training.files import BLOCK

DTYPE_NAMES: Mapping[torch.dtype, str] = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}

HEADER_LENGTH = 8
"""Bytes that say how long the JSON header is."""


def safetensors_chunks(tensors: Mapping[str, Tensor]) -> Iterator[memoryview]:
    """The bytes of a safetensors file, one tensor at a time; device tensors come to the host one by one."""
    header, ordered = layout(tensors)
    yield memoryview(header)
    for _, tensor in ordered:
        if tensor.numel():
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            yield flat.view(torch.uint8).numpy().data


def layout(tensors: Mapping[str, Tensor]) -> tuple[bytes, list[tuple[str, Tensor]]]:
    """What a file begins with, a whole number of blocks, and the tensors in the order of their bytes."""
    # The widest types first keep every tensor aligned to its own width.
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    return _header(ordered), ordered


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a file, in memory of its own. Raises CorruptCheckpoint."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            # A clone: the library's tensors may map the file, which retention removes, and start unaligned.
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        raise CorruptCheckpoint(f"{path.name} is not a safetensors file: {error}") from error


def tensor_bytes(tensors: Mapping[str, Tensor]) -> int:
    """What the tensors weigh."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _header(ordered: list[tuple[str, Tensor]]) -> bytes:
    entries, offset = {}, 0
    for name, tensor in ordered:
        end = offset + tensor.numel() * tensor.element_size()
        entries[name] = {
            "dtype": _dtype_name(name, tensor.dtype),
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(HEADER_LENGTH + len(text)) % BLOCK)
    return len(text).to_bytes(HEADER_LENGTH, "little") + text


def _dtype_name(name: str, dtype: torch.dtype) -> str:
    if dtype not in DTYPE_NAMES:
        raise TypeError(f"tensor {name!r} has type {dtype}, which a checkpoint cannot store")
    return DTYPE_NAMES[dtype]
