"""Turns what was collected into tables, patterns and predicted interests, on a page."""

from meetupkit.first_process import end_on_sigterm

end_on_sigterm()
