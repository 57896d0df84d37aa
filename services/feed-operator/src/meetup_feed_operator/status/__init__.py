"""How a feed is: what its pod says, and the conditions that follow from it."""
