"""What a stack needs before it serves: its secrets, its schema, the token that Prometheus reads with."""
