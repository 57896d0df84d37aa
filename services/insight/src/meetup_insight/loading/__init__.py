"""From raw records and profiles to typed rows: incremental, and the same however often it is killed."""
