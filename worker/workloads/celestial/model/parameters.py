"""Where the parameters of the forecaster sit: one row a component, which add up to the whole."""

from __future__ import annotations

from torch import nn

PUBLISHED_PARAMETERS = 12_310_208
"""By the original, 2.8 M of them without a gradient."""

COMPONENTS = {
    "phases": "PhaseAwareCelestialProcessor",
    "encoder_embedding": "DataEmbedding (encoder)",
    "decoder_embedding": "DataEmbedding (decoder)",
    "graph.aspects": "Aspects",
    "graph.nodes": "CelestialBodyNodes",
    "graph.learner": "learned adjacency",
    "graph.market": "market context",
    "graph.prior": "graph prior",
    "graph.combiner": "CelestialGraphCombiner",
    "body_attention": "CelestialFusionAttention",
    "spatiotemporal": "DynamicJointSpatioTemporalEncoding",
    "graph_attention": "AdjacencyAwareGraphAttention",
    "covariates": "CovariateInteraction",
    "memory_norm": "memory norm",
    "decoder": "DecoderLayer",
    "head_norm": "head norm",
    "head": "head",
}
"""Every part of the forecaster by its attribute path, in forward order."""


def parameter_table(model: nn.Module) -> list[tuple[str, int]]:
    """(component, trainable parameters) in forward order. Raises ValueError for one of no component."""
    table = [(title, _trainable(model.get_submodule(path))) for path, title in COMPONENTS.items()]
    missing = _trainable(model) - sum(count for _, count in table)
    if missing:
        raise ValueError(f"{missing} parameters belong to no component of the table")
    return table


def _trainable(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
