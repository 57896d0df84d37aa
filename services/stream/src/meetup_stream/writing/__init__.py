"""From lines to objects: records one by one or in segments, lines that are no records, and what is damaged."""
