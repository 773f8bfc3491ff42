"""The 235 M parameter forecaster, one component a file; forecaster.py puts them together."""
