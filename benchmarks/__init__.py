"""Benchmarks: speed as ratios within one run. Tests never time."""
