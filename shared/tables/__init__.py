"""The tables by idea; shared/models.py has them all."""
