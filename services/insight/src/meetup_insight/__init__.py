"""Turns what was collected into tables, patterns and predicted interests, on a page."""
