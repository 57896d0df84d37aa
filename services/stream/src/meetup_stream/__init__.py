"""Stores every record of one Meetup feed."""
