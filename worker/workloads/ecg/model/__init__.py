"""The two networks of the ECG classifier."""
