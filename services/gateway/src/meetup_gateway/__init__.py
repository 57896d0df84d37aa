"""Today's Meetup API behind the protocol that the services speak."""

from meetupkit.first_process import end_on_sigterm

end_on_sigterm()

__version__ = "0.1.0"
