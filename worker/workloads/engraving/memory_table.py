"""What a training takes at other batch sizes, reckoned from what its preset was measured to take."""

from __future__ import annotations

from typing import Any

from shared.specs.engraving import ENGRAVING, EngravingSpec
from shared.specs.footprint import BYTES_EACH, Footprint, state_bytes
from shared.specs.resolve import resolve_spec

BATCH_SIZES = (8, 16, 32, 64)
PUBLISHED_GB = {8: 12, 16: 20, 32: 35, 64: 65}
"""GPU memory that the original states for each, in GB; not measured here."""
GB = 1e9


def memory_table(spec: EngravingSpec) -> list[dict[str, Any]] | None:
    """A row a batch size, in fp32 on a CPU; None where the spec is not of a preset's size."""
    footprint = ENGRAVING.footprints.get(spec.preset)
    if footprint is None or _sizes(spec) != _sizes(_preset(spec.preset)):
        return None
    return [
        {
            "batch_size": size,
            "estimated_gb": total_bytes(footprint, spec, size) / GB,
            "published_gpu_gb": PUBLISHED_GB[size] if spec.preset == "production" else None,
        }
        for size in BATCH_SIZES
    ]


def total_bytes(footprint: Footprint, spec: EngravingSpec, batch_size: int) -> int:
    """Weights, gradients, optimizer, activations of a micro-batch, and everything else."""
    weights = footprint.parameters * BYTES_EACH
    held = 2 * weights + state_bytes(spec.optimizer, weights) + footprint.other_bytes
    return held + footprint.fixed_bytes + batch_size * footprint.sample_bytes


def _preset(name: str) -> EngravingSpec:
    spec = resolve_spec({"workload": "engraving", "preset": name}, {"engraving": ENGRAVING}).spec
    assert isinstance(spec, EngravingSpec)
    return spec


def _sizes(spec: EngravingSpec) -> tuple[Any, ...]:
    data = spec.data
    return spec.model, data.image_size, data.colors, data.vocab_size, data.caption_length
