"""Asks the API what is due, and commits what has changed. One thread; the clock is an argument."""
