"""Measures what the issues ask for; ``python -m bench`` writes the table of the README beside this file."""
