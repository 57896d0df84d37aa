"""Slack's stand-in: incoming webhooks, the Web API, and a page of what arrived."""
