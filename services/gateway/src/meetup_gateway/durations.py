"""Lengths of time in milliseconds, in which the gateway keeps every time, as Meetup's records do."""

from typing import Final

SECOND_MS: Final = 1000
HOUR_MS: Final = 3600 * SECOND_MS
DAY_MS: Final = 24 * HOUR_MS
