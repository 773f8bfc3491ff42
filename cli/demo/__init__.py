"""The demo: one job, end to end, through the REST API, and the proof that it really happened."""
