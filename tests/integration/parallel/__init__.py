"""Trainings in several real processes."""
