"""Embedded mode: the API and one worker as supervised processes of this machine. Standard library only."""
