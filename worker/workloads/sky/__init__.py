"""Prices and sky as both celestial forecasters read them: files, ephemeris, windows, baselines."""
