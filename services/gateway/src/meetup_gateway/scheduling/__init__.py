"""When to look where, so that the points that there are buy the least delay. Pure; the time is an argument."""
