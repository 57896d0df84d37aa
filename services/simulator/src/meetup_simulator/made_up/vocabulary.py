"""Places, topics, categories and words that generated records are made of."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """A city. ``offset`` is from UTC in milliseconds."""

    city: str
    country: str
    state: str | None
    lat: float
    lon: float
    timezone: str
    offset: int
    zip: str


_HOUR: Final = 3_600_000

PLACES: Final = (
    Place("New York", "us", "NY", 40.75, -73.99, "US/Eastern", -5 * _HOUR, "10001"),
    Place("San Francisco", "us", "CA", 37.77, -122.41, "US/Pacific", -8 * _HOUR, "94103"),
    Place("Austin", "us", "TX", 30.27, -97.74, "US/Central", -6 * _HOUR, "78701"),
    Place("Seattle", "us", "WA", 47.61, -122.33, "US/Pacific", -8 * _HOUR, "98101"),
    Place("Chicago", "us", "IL", 41.88, -87.63, "US/Central", -6 * _HOUR, "60601"),
    Place("Denver", "us", "CO", 39, -104.98, "US/Mountain", -7 * _HOUR, "80202"),
    Place("Toronto", "ca", "ON", 43.65, -79.38, "Canada/Eastern", -5 * _HOUR, "M5H 2N2"),
    Place("Vancouver", "ca", "BC", 49.28, -123.12, "Canada/Pacific", -8 * _HOUR, "V6B 1A1"),
    Place("Sydney", "au", "NSW", -33.87, 151.21, "Australia/Sydney", 10 * _HOUR, "2000"),
    Place("London", "gb", None, 51.52, -0.1, "Europe/London", 0, "EC1V"),
    Place("Berlin", "de", None, 52.52, 13.38, "Europe/Berlin", _HOUR, "10115"),
    Place("München", "de", None, 48.14, 11.58, "Europe/Berlin", _HOUR, "80331"),
    Place("Paris", "fr", None, 48.86, 2.34, "Europe/Paris", _HOUR, "75001"),
    Place("Madrid", "es", None, 40.42, -3.71, "Europe/Madrid", _HOUR, "28013"),
    Place("São Paulo", "br", None, -23.53, -46.63, "America/Sao_Paulo", -3 * _HOUR, "01310"),
    Place("Taipei", "tw", None, 25.02, 121.45, "Asia/Taipei", 8 * _HOUR, "100"),
    Place("東京", "jp", None, 35.67, 139.77, "Asia/Tokyo", 9 * _HOUR, "100-0001"),
    Place("Bangalore", "in", None, 12.97, 77.56, "Asia/Kolkata", 5 * _HOUR + _HOUR // 2, "560001"),
)

TOPICS: Final = tuple(
    (number, re.sub("[^a-z]+", "-", name.lower()).strip("-"), name)
    for number, name in enumerate(
        (
            "Hiking", "Board Games", "Language & Culture", "Photography", "Python", "Big Data", "Yoga", "Dining Out",
            "Open Source", "Live Music", "Book Club", "Running", "Women's Social", "Startup Businesses", "Painting",
            "Volleyball", "Meditation", "Web Technology", "Singles 30's-50's", "Cycling", "Café & Culture", "Robotics",
            "Cooking", "Travel", "Film", "Salsa", "Entrepreneurship", "Dogs", "Writing", "Role-Playing/Tabletop Games",
        ),
        start=411,
    )
)  # fmt: skip
"""Number, urlkey and name."""

CATEGORIES: Final = (
    (34, "tech", "tech"),
    (9, "fitness", "fitness"),
    (14, "health/wellbeing", "health-wellbeing"),
    (16, "language/ethnic identity", "language"),
    (23, "outdoors/adventure", "outdoors-adventure"),
    (31, "socializing", "socializing"),
)
"""Number, name and short name."""

FIRST_NAMES: Final = (
    "Alder", "Björn", "Cedar", "Dale", "Élise", "Fern", "Garnet", "Heath", "Iris", "Juniper", "Koa", "Laurel", "Moss",
    "Niño", "Olive", "Pine", "Quill", "Reed", "Sage", "Tālia", "Umber", "Vale", "Willow", "雪", "Yarrow", "Zoë",
)  # fmt: skip
LAST_NAMES: Final = (
    "", "", "Ash", "Brook", "Croft", "Dune", "Eastwood", "Fairley", "Greenhill", "H.", "Kestrel", "Lake", "Marsh",
    "Northgate", "O'Field", "Pinewood", "Rivers", "Shore", "Thorn", "Underhill",
)  # fmt: skip
STREETS: Final = ("Hindry Avenue", "Main Street", "Greenhill Lane", "Ashfield St", "Rosenweg", "Rue du Lac", "2nd Ave")
VENUES: Final = (
    "Playhouse",
    "Café Vitus",
    "Public Library",
    "Town Hall",
    "Brew/Works",
    "Park Pavilion",
    "Studio 5",
    ".",
)
GATHERINGS: Final = ("Group", "Meetup", "Club", "Society", "Network", "Friends", "Circle", "Lab")
ACTIVITIES: Final = (
    "Monthly Social", "Beginners' Night", "Hands-on Workshop", 'The "Big" Picnic', "Talks & Pizza 🍕", "Sunday Walk",
    "Q/A Evening", "New Place! Every Saturday night", "Open Mic", "Coffee ☕ and Code", "Introductory Session",
)  # fmt: skip
WORDS: Final = (
    "lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "vestibulum", "tincidunt",
    "nibh", "pulvinar", "ornare", "justo", "nunc", "lectus", "mollis", "congue’t", "placerat", "dapibus",  # noqa: RUF001  (as people write it)
)  # fmt: skip
