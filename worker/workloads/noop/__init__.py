"""The noop workload: one weight, generated numbers."""
