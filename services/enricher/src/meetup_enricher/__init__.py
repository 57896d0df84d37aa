"""Fetches member and group profiles for every feed."""
