"""Runs the services on one machine."""
