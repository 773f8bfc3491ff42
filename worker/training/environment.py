"""What decides whether a resume is bit for bit: the environment and the spec, written down and compared."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from shared.specs.job import JobSpec

NUMBERS_UNCHANGED: Mapping[str, Any] = {
    "name": True, "tags": True, "priority": True, "preset": True, "init_from": True,
    "checkpoint": True, "memory": True, "resources": True, "retry": True,
    "time_limit_seconds": True, "stall_limit_seconds": True, "generation": True,
    "trainer": {"epochs", "num_workers", "device", "threads", "log_every_steps", "skip_non_finite"},
}  # fmt: skip
"""Fields of a spec that may change on a resume without changing a number; device and threads are compared by
fingerprint, epochs by the schedule."""
CAME_LATER: Mapping[str, tuple[str, ...]] = {
    "optimizer": ("decay", "fused"),
    "schedule": ("patience",),
    "trainer": ("ema", "compile", "gradient_checkpointing"),
}
"""Fields that specs once did not have. At their defaults they are left out of the hash: checkpoints of before
still fit."""

IMPLIED: Mapping[str, Any] = {"processes": 1}
"""What environments were before they said it."""


def fingerprint(device: torch.device, threads: int, processes: int = 1) -> dict[str, Any]:
    """What the bits of a result depend on besides spec and data."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device.type,
        "device_name": _device_name(device),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
        "processes": processes,
        "matmul_precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def spec_sha256(spec: JobSpec) -> str:
    """The hash of every field that a number depends on, but for the number of epochs."""
    dumped = spec.model_dump(mode="json", exclude=dict(NUMBERS_UNCHANGED))
    for part, names in CAME_LATER.items():
        value = getattr(spec, part)
        for name in names:
            if getattr(value, name) == type(value).model_fields[name].default:
                del dumped[part][name]
    return hashlib.sha256(json.dumps(dumped, sort_keys=True).encode()).hexdigest()


def differences(
    then: Mapping[str, Any], now: Mapping[str, Any], implied: Mapping[str, Any] = IMPLIED
) -> list[str]:
    """What is not as it was, one phrase each."""
    before, present = {**implied, **then}, {**implied, **now}
    return [
        f"{name} was {before.get(name)!r} and is {present.get(name)!r}"
        for name in sorted(set(before) | set(present))
        if before.get(name) != present.get(name)
    ]


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "cpu")
