"""Tables and plain records as files for other programs."""
