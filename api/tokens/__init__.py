"""Bearer tokens: their text, their scopes, where they are kept, and whether one opens a route."""
