import pytest
from meetup_stream.reading.resume import is_trickle, resume_url

URL = "http://stream.meetup.com/2/rsvps"


def test_a_resume_asks_from_before_the_cursor() -> None:
    assert resume_url(URL, cursor=1_500_000_000_000, overlap=60) == f"{URL}?since_mtime=1499999940000"


def test_it_never_asks_from_before_the_epoch() -> None:
    assert resume_url(URL, cursor=1000, overlap=3600) == f"{URL}?since_mtime=0"


@pytest.mark.parametrize("query", ["trickle", "event_id=1,abc%20d", "a=1&trickle&b=", "x=%2F&x=2"])
def test_every_other_part_of_the_query_stays_as_it_was_written(query: str) -> None:
    assert resume_url(f"{URL}?{query}", cursor=0, overlap=0) == f"{URL}?{query}&since_mtime=0"


@pytest.mark.parametrize("query", ["since_count=10", "since_mtime=5", "since_mtime=5&since_count=1"])
def test_where_to_start_is_said_once(query: str) -> None:
    assert resume_url(f"{URL}?{query}", cursor=7, overlap=0) == f"{URL}?since_mtime=7"


def test_a_pass_that_is_through_is_not_asked_for_again() -> None:
    assert resume_url(f"{URL}?a=1&trickle", cursor=7, overlap=0, trickle=False) == f"{URL}?a=1&since_mtime=7"


def test_trickle_is_a_word_of_its_own() -> None:
    assert is_trickle(f"{URL}?trickle")
    assert is_trickle(f"{URL}?a=1&trickle=&b")
    assert not is_trickle(f"{URL}?trickles=1&event_id=trickle")
