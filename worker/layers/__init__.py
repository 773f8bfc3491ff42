"""Tensor parts that two or more workloads share."""
