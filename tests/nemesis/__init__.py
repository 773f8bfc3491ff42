"""The nemesis: real processes under seeded faults, and a checker of the history they leave."""
