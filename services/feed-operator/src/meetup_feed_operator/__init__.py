"""Turns MeetupFeed resources into Deployments."""

from meetupkit.first_process import end_on_sigterm

end_on_sigterm()
