"""The 235 M parameter forecaster that tells a distribution, by a mixture density decoder."""
