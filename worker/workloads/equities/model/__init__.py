"""The parts of the ATFT-GAT-FAN forecaster."""
