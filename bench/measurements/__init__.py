"""One module a subject; each has one measurement."""
