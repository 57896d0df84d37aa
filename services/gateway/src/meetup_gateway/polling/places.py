"""Venues and photos that events and groups show: records of their own feeds, when they are new or have changed."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from meetup_gateway.observing.changes import Version
from meetup_gateway.observing.events import Observed
from meetup_gateway.observing.fingerprints import fingerprint
from meetup_gateway.polling.context import Context
from meetup_gateway.storage.state import Commit
from meetup_gateway.translating.records import photo_record, venue_record
from meetup_gateway.translating.rows import Translation
from meetup_gateway.translating.values import Untranslatable
from meetup_gateway.translating.venues import is_online

Node = dict[str, Any]


def commit_venues(context: Context, commit: Commit, venues: Iterable[Node], now: int) -> None:
    """Those that one can go to, each once."""
    for venue in {str(venue.get("id")): venue for venue in venues if not is_online(venue)}.values():
        _commit(context, commit, "open_venues", "id", partial(venue_record, venue), now)


def commit_photos(context: Context, commit: Commit, observed: Iterable[Observed], group: Node, now: int) -> None:
    """Featured photos of events, if they are wanted."""
    if not context.options.photos:
        return
    for each in observed:
        if each.photo is not None:
            event = {"token": each.token, "id": each.event_id, "title": each.title}
            photo = each.photo
            _commit(context, commit, "photos", "photo_id", partial(photo_record, photo, event, group), now)


def _commit(
    context: Context, commit: Commit, feed: str, key: str, translation: Callable[[], Translation], now: int
) -> None:
    table = "venues" if feed == "open_venues" else "photos"
    try:
        record = translation().value
    except Untranslatable as error:
        context.quarantine(table.removesuffix("s"), str(error))
        return
    if commit.changed(table, record[key], fingerprint(record, ())):
        commit.version(Version(feed, str(record[key]), record, now))
