"""Watching a job: following it over HTTP, and drawing what is seen in a terminal or line by line."""
