"""The control plane: HTTP and the database. No torch, no worker code."""
