"""The epochd command: an HTTP client, and the launcher of embedded mode."""
