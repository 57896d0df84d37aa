"""Every mart, in the order in which they are made."""

from typing import Final

from meetup_insight.marts.answers import ANSWERS
from meetup_insight.marts.derived import DERIVED
from meetup_insight.marts.events import EVENTS
from meetup_insight.marts.mart import Mart
from meetup_insight.marts.people import PEOPLE
from meetup_insight.marts.places import PLACES
from meetup_insight.marts.quality import QUALITY
from meetup_insight.marts.trends import TRENDS

MARTS: Final[tuple[Mart, ...]] = (*DERIVED, *PEOPLE, *ANSWERS, *EVENTS, *TRENDS, *PLACES, *QUALITY)
"""A mart may use the tables of staging and the marts before it."""
