"""Checks that run once, before a job's first step, each named after the failure it prevents."""
