import pytest
from meetupkit.feeds import FEEDS, Feed


@pytest.mark.parametrize("feed", FEEDS.values(), ids=FEEDS)
class TestEveryFeed:
    def test_it_is_at_its_historic_address(self, feed: Feed) -> None:
        assert feed.url.partition("?")[0] == f"http://stream.meetup.com/2/{feed.name}"

    def test_silence_is_told_from_a_dead_connection_far_above_its_usual_gap(self, feed: Feed) -> None:
        assert feed.read_timeout >= 60

    def test_its_paths_name_keys(self, feed: Feed) -> None:
        for path in (feed.id_path, feed.mtime_path, *feed.member_paths, *feed.group_paths):
            assert path
            assert all(path)


def test_the_five_feeds_are_there() -> None:
    assert set(FEEDS) == {"open_events", "open_venues", "event_comments", "photos", "rsvps"}


def test_only_venues_trickle() -> None:
    assert [feed.name for feed in FEEDS.values() if "trickle" in feed.url] == ["open_venues"]
