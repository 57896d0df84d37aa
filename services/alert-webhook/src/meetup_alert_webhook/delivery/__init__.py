"""From an alert to Slack or into a digest, once."""
