"""``meetup-insight recommend`` and ``evaluate``: predictions for anybody's data, from file to file."""
