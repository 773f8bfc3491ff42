"""Job specs: the validated request, its parts, and one contract per workload. No torch."""
