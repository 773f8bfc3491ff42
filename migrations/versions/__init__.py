"""One file a schema step; never edited once merged."""
