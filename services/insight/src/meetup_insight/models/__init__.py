"""Predictors of interests: members, items and numbers, no table and no file."""
