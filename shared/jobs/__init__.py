"""Jobs: statuses, transitions, retry rules, and the store that applies them."""
