"""The views: each makes a ``View`` of what is published and of what was chosen; unknown choices fall back. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from meetup_insight.page.published import Published
from meetup_insight.page.view import Query, View
from meetup_insight.page.views_collected import overview, quality
from meetup_insight.page.views_events import coming, places, times
from meetup_insight.page.views_groups import groups
from meetup_insight.page.views_topics import interests, topics

VIEWS: Final[Mapping[str, tuple[str, Callable[[Published, Query], View]]]] = {
    "/": ("Overview", overview),
    "/topics": ("Topics", topics),
    "/times": ("Times", times),
    "/events": ("Coming events", coming),
    "/places": ("Places", places),
    "/groups": ("Groups", groups),
    "/interests": ("Interests", interests),
    "/quality": ("Data quality", quality),
}
