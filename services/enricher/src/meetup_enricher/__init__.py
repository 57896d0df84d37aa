"""Fetches member and group profiles for every feed."""

from importlib.metadata import version

__version__ = version("meetup-enricher")
