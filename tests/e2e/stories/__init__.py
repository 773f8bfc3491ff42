"""Workloads of the end-to-end stories, each with its bug planted or mended."""
