"""The edges of a Celery worker: its bench, its bootstep, its canary, its start."""
