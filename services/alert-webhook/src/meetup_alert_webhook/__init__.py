"""Brings the alerts of Alertmanager and Cloud Logging to Slack."""

from meetupkit.first_process import end_on_sigterm

end_on_sigterm()
