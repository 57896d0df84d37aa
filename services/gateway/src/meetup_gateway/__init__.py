"""Today's Meetup API behind the protocol that the services speak."""

__version__ = "0.1.0"
