"""The control loops: dispatcher, reaper, pruner; each safe to run twice."""
