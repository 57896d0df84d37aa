"""A stand-in for the servers of Meetup, with faults on request."""

from meetupkit.first_process import end_on_sigterm

end_on_sigterm()
