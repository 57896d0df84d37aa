"""Slack: messages, calls, and what they came to."""
