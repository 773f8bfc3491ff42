"""Supervision: claims jobs, starts trainers, tails their events, decides how they ended. No torch."""
