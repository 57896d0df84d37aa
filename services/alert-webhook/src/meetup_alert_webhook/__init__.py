"""Brings the alerts of Alertmanager and Cloud Logging to Slack."""
