"""The durable queue: which ids are accepted, in which order they are served, how many wait."""
