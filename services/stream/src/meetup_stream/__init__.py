"""Stores every record of one Meetup feed."""

from meetupkit.first_process import end_on_sigterm

end_on_sigterm()
