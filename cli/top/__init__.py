"""`epochd top`: what is asked of the service, and the screen made of it."""
