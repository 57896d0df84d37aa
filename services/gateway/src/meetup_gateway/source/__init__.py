"""Today's API: credentials, queries, points, and what its answers mean."""
