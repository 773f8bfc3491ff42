"""The worker: supervision (no torch) and training (no database), which never import each other."""
