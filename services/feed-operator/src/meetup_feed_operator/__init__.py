"""Turns MeetupFeed resources into Deployments."""
