"""The parameter count that the original published."""

from __future__ import annotations

PUBLISHED_PARAMETERS = 108_708_035
"""At 8,000 tokens, captions of 100, a latent of 1024 and images of 512 pixels."""
