"""People, groups, events and records: each a function of the seed."""
