"""The celestial workload: the OHLC forecaster over ephemeris covariates."""
