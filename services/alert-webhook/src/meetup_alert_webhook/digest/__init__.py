"""What does not fit in: an outbox, and digests made of it."""
