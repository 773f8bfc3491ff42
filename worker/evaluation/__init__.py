"""Metrics, reports and figures from plain arrays."""
