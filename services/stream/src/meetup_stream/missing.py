"""``python -m meetup_stream.missing 2026-11-17``: is anything missing from that day (UTC)?

Reads the ledger where the settings of the feed's own process say (``STREAM_FEED``, ``STREAM_LABEL``,
``STREAM_OBJECTS``), so it runs in its pod as it is. Exit code 0: nothing is missing; 1: something may be, or it is not
known yet; 2: a wrong setting or date, or the store refuses or is unavailable.
"""

import os
import sys
from datetime import UTC, date, datetime
from typing import Final

from meetupkit.errors import MeetupError
from meetupkit.settings import exit_with
from meetupkit.stores import open_objects

from meetup_stream.completeness.report import answer, read_days, report
from meetup_stream.settings import StreamSettings

USAGE: Final = "usage: python -m meetup_stream.missing YYYY-MM-DD"


def main() -> None:
    """Print the answer."""
    settings = StreamSettings.or_exit(os.environ)
    try:
        (argument,) = sys.argv[1:]
        day = date.fromisoformat(argument)
    except ValueError:
        exit_with(USAGE)
    try:
        days, damaged = read_days(open_objects(settings.objects), settings.label or settings.feed, day)
        found = answer(day, days, now=datetime.now(UTC), damaged=damaged)
    except MeetupError as error:
        exit_with(f"the ledger cannot be read: {error}")
    for line in report(settings.feed, day, found):
        sys.stdout.write(f"{line}\n")
    sys.exit(0 if found.complete else 1)


if __name__ == "__main__":
    main()
