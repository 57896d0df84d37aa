"""Fetches member and group profiles for every feed."""

from importlib.metadata import version

from meetupkit.first_process import end_on_sigterm

end_on_sigterm()

__version__ = version("meetup-enricher")
