"""HTTP endpoints: thin wrappers around the store and the queries."""
