"""Speaks to the Kubernetes API, and remembers what it says."""
