"""Workloads: model families as values. The loop never knows a family, a family never knows the loop."""
