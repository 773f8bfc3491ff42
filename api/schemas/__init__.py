"""Request and response bodies, one file a subject."""
