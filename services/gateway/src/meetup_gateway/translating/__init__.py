"""From what today's API says to the records and profiles that the old one sent. Pure, and driven by tables."""
