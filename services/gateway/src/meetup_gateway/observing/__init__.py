"""From what was seen to what has changed: observations, versions, suspicions. Pure; the time is an argument."""
