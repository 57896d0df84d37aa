"""A stand-in for the servers of Meetup, with faults on request."""
