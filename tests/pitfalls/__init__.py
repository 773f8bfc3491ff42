"""The known pitfalls of the original systems: a table for each workload."""
