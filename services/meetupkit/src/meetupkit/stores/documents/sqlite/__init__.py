"""Documents in one SQLite file: for one machine, any number of its threads and processes."""
