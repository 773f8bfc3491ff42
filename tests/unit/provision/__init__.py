"""The one-shots of the stack."""
