"""Meetup's REST API v2: one call, what its answer means, when a call may be made, the look-up of a batch."""
