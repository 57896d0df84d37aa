"""What a MeetupFeed may read and write, however its address is written."""

import pytest
from meetup_feed_operator.resources.allowed import NotAllowed, address_of, is_bucket, refuse_address, refuse_bucket
from meetup_feed_operator.settings import OperatorSettings
from meetupkit.feeds import FEEDS

ENTRIES = ["https://streams.example/2", "http://simulator:8700", "https://query.example/feed?key", "http://10.1.2.3:81"]


@pytest.mark.parametrize(
    "url",
    [
        "https://streams.example/2",
        "https://streams.example/2/",
        "https://streams.example/2/rsvps",
        "https://streams.example/2/rsvps?since_count=9",
        "https://STREAMS.example:443/2/rsvps",
        "HTTPS://streams.example./2/rsvps",
        "https://streams.example/%32/rsvps",
        "http://simulator:8700/2/open_venues?trickle",
        "http://simulator:8700",
        "https://query.example/feed?key",
        "http://10.1.2.3:81/x",
        *[row.url for row in FEEDS.values()],
    ],
)
def test_an_address_that_an_entry_covers_is_allowed(url: str) -> None:
    refuse_address(url, ENTRIES)


@pytest.mark.parametrize(
    "url",
    [
        "https://streams.example/",
        "https://streams.example/22",
        "https://streams.example/2rsvps",
        "https://streams.example/3/rsvps",
        "http://streams.example/2/rsvps",
        "https://streams.example:8443/2/rsvps",
        "https://streams.example.evil.test/2",
        "https://evil.test/2?https://streams.example/2",
        "https://evilstreams.example/2",
        "https://sub.streams.example/2",
        "https://streams.example@evil.test/2",
        "https://streams.example:443@evil.test/2",
        "https://user:pw@streams.example/2",
        "https://evil.test#@streams.example/2",
        "https://streams.example/2/../3",
        "https://streams.example/2/%2e%2e/3",
        "https://streams.example/2/.%2E/3",
        "https://streams.example/2%2f..%2f3",
        "https://streams.example/2/%5c..",
        "https://streams.example\\@evil.test/2",
        "https://streams.example//2",
        "https://streams.example/2//3",
        "https://streams.example/2;x/../..",
        "https://streams.example/2/%00",
        "https://streams.example/2/%",
        "https://streams.example/%2532",
        "https://streams.example..//2",
        "https://streams..example/2",
        "https://.streams.example/2",
        "https://.../2",
        "https://streams.example:0/2",
        "https://streams.example:65536/2",
        "https://streams.example:/2",
        "https://streams.example:-1/2",
        "https://streams.example:\uff14\uff14\uff13/2",
        "https://\uff53treams.example/2",
        "https://streams。example/2",
        "https://streams.example\t/2",
        "https://streams.example/2\r\nHost: evil",
        "https://query.example/feed?key=other",
        "https://query.example/feed",
        "https://query.example/feed/more?key",
        "ftp://streams.example/2",
        "file:///etc/passwd",
        "https:streams.example/2",
        "//streams.example/2",
        "http://169.254.169.254/computeMetadata/v1/",
        "http://[::ffff:169.254.169.254]/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://169.254.43518/",
        "http://0251.0376.0251.0376/",
        "http://127.1/",
        "http://localhost/",
        "http://metadata.google.internal/",
        "http://kubernetes.default.svc/",
        "http://simulator:8701/",
        "http://simulator.other:8700/",
        "http://10.1.2.3/",
        "http://[::ffff:10.1.2.4]:81/",
        "",
        "https://",
        "https://" + "a" * 3000,
    ],
)
def test_an_address_that_no_entry_covers_or_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(NotAllowed, match=r"spec\.url") as caught:
        refuse_address(url, ENTRIES)
    assert "pw" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_ipv4_address_in_ipv6_form_is_the_same_address() -> None:
    refuse_address("http://[::ffff:10.1.2.3]:81/", ENTRIES)
    assert address_of("http://[::FFFF:A01:203]:81/") == address_of("http://10.1.2.3:81")


def test_without_a_list_the_feed_tables_addresses_alone_are_allowed() -> None:
    refuse_address(FEEDS["rsvps"].url, [])
    with pytest.raises(NotAllowed, match="allowedUrls"):
        refuse_address("https://streams.example/2", [])


@pytest.mark.parametrize("bucket", ["records", "shared", "shared/team", "shared/team/sub", "shared/team-b", "deep/a/b"])
def test_a_bucket_that_an_entry_covers_is_allowed(bucket: str) -> None:
    refuse_bucket(bucket, ["shared", "deep/a"], default="records")


@pytest.mark.parametrize(
    "bucket",
    [
        "records/rsvps",
        "records2",
        "shared2",
        "deep",
        "deep/ab",
        "deep/b",
        "deep/a/../b",
        "deep/a/..",
        "deep/a/.",
        "deep//a",
        "/deep/a",
        "deep/a/",
        "DEEP/a",
        "de..ep/a",
        "deep/a%2f..",
        "deep\\a",
        "",
        "..",
        "deep/a\n",
    ],
)
def test_a_bucket_that_no_entry_covers_or_that_is_no_name_is_refused(bucket: str) -> None:
    with pytest.raises(NotAllowed, match=r"spec\.bucket"):
        refuse_bucket(bucket, ["deep/a"], default="records")


@pytest.mark.parametrize("entry", ["https://h/..", "h", "https://u@h/", "https://h:0/", "https://*.example"])
def test_an_entry_that_could_be_read_in_two_ways_stops_the_start(entry: str) -> None:
    with pytest.raises(Exception, match="ALLOWED_URLS"):
        settings_with(ALLOWED_URLS=f'["{entry}"]')


@pytest.mark.parametrize("entry", ["bucket/..", "B", "gs://bucket", "bucket/*", ""])
def test_a_bucket_entry_that_is_no_name_stops_the_start(entry: str) -> None:
    with pytest.raises(Exception, match="ALLOWED_BUCKETS"):
        settings_with(ALLOWED_BUCKETS=f'["{entry}"]')
    assert not is_bucket(entry)


def settings_with(**values: str) -> OperatorSettings:
    needed = {"NAMESPACE": "n", "IMAGE": "stream:1"}
    return OperatorSettings.from_environ({f"FEED_OPERATOR_{k}": v for k, v in (needed | values).items()})
