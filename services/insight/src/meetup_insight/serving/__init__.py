"""``meetup-insight serve``: the page, and builds on a schedule."""
