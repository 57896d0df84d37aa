"""What is done when: watches, queue, reconciliation."""
