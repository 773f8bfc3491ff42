"""`epochd demo`: one job, end to end, through the REST API."""
