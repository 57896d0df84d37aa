"""Public calendars of single groups whose organiser agreed; nothing else of the web site is read. Off by default."""
