"""Public calendars: read without trust, an hour apart, stopped when they are not wanted."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_gateway.follow import Calendar
from meetup_gateway.follow_file import read_follow
from meetup_gateway.ical.calendar import NoCalendar, events_in, observe
from meetup_gateway.ical.calendar_poller import CalendarPoller
from meetup_gateway.translating.values import Untranslatable
from meetupkit.http.client import HttpClient
from meetupkit.settings import SettingsError

from services.gateway.tests.gateway_world import Gateway, Meetup, follow_all

EVENT = """BEGIN:VEVENT
UID:event_300000001@meetup.com
SEQUENCE:1
DTSTAMP:{stamp}
DTSTART;TZID=America/New_York:20261128T180000
DTEND;TZID=America/New_York:20261128T203000
SUMMARY:{title}
DESCRIPTION:Markdown **bold**\\, with a comma\\nand a line that is so long that i
 t is folded
URL;VALUE=URI:https://www.meetup.com/hikers/events/300000001/
STATUS:{status}
CREATED:20261101T120000Z
LAST-MODIFIED:20261101T120000Z
CLASS:PUBLIC
END:VEVENT"""


def calendar(*events: str) -> bytes:
    zone = (
        "BEGIN:VTIMEZONE\nTZID:America/New_York\nBEGIN:STANDARD\nDTSTART:20071104T020000\nEND:STANDARD\nEND:VTIMEZONE"
    )
    lines = ["BEGIN:VCALENDAR", "PRODID:-//Meetup//Meetup Calendar 1.0//EN", zone, *events, "END:VCALENDAR", ""]
    return "\n".join(lines).replace("\n", "\r\n").encode()


def event(stamp: str = "20261120T120000Z", title: str = "Walk", status: str = "CONFIRMED") -> str:
    return EVENT.format(stamp=stamp, title=title, status=status)


def test_an_event_of_a_calendar_is_a_record_without_what_a_calendar_lacks() -> None:
    (found,) = events_in(calendar(event()))
    assert observe(found, 18000013, "hikers").record == {
        "id": "300000001",
        "name": "Walk",
        "event_url": "https://www.meetup.com/hikers/events/300000001/",
        "description": "Markdown **bold**, with a comma\nand a line that is so long that it is folded",
        "status": "upcoming",
        "visibility": "public",
        "group": {"id": 18000013, "urlname": "hikers"},
        "time": 1795906800000,
        "utc_offset": -18_000_000,
        "duration": 9_000_000,
    }


def test_when_it_was_asked_for_is_no_change() -> None:
    first, second = (
        observe(events_in(calendar(event(stamp)))[0], 1, "x") for stamp in ("20261120T120000Z", "20261121T0000Z")
    )
    assert first.fingerprint == second.fingerprint
    assert observe(events_in(calendar(event(status="CANCELLED")))[0], 1, "x").fingerprint != first.fingerprint


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"BEGIN:VCALENDAR\r\n", calendar(event())[:-20], b"BEGIN:VCALENDAR\nEND:VEVENT\nEND:VCALENDAR"],
)
def test_what_is_no_whole_calendar_is_none(body: bytes) -> None:
    with pytest.raises(NoCalendar):
        events_in(body)


@given(st.binary(max_size=400))
def test_no_body_however_odd_fails_in_another_way(middle: bytes) -> None:
    try:
        found = events_in(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + middle + b"\nEND:VEVENT\nEND:VCALENDAR")
    except NoCalendar:
        return
    for each in found:
        with pytest.raises(Untranslatable):
            observe(each, 1, "x")


class Site:
    """Answers calendars; counts who asks."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, calendar(event()), list[str]()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                self.send_response(site.status)
                self.send_header("Content-Length", str(len(site.body)))
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site()
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_a_calendar_is_asked_once_an_hour_and_not_for_a_day_after_a_refusal(tmp_path: Path, site: Site) -> None:
    meetup = Meetup()
    gateway = Gateway(meetup, tmp_path / "g.db", follow_all(meetup))
    client = HttpClient()

    def poller() -> CalendarPoller:
        return CalendarPoller(gateway.context, [Calendar(18000013, "hikers")], gateway.lease, client, site.url)

    def live(hours: float) -> None:
        meetup.seconds += hours * 3600
        poller().step()  # anew each time: a restart asks no sooner
        poller().step()

    live(0)
    assert site.asked == ["/hikers/events/ical/"]
    live(0.9)
    assert len(site.asked) == 1
    site.body = calendar(event(title="Another"))
    live(0.4)
    assert len(site.asked) == 2
    assert [record["name"] for record in gateway.emitted("open_events")["300000001"]] == ["Walk", "Another"]
    site.status = 403
    live(1.3)
    live(22)
    assert len(site.asked) == 3
    site.status, site.body = 200, calendar()
    live(3)
    assert len(site.asked) == 4
    assert len(gateway.emitted("open_events")["300000001"]) == 2  # an empty calendar deletes nothing
    client.close()
    gateway.close()


def test_a_follow_file_says_all_its_mistakes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "follow.yaml"
    file.write_text(
        "groups: [a b, {id: x}, {urlname: ok, secret: 1}, same, same]\nnetworks: ['']\n"
        "places: [{lat: 99, lon: 1}]\ntopics: [{lat: 1, lon: 1}]\nical: [{id: 5, urlname: x}]\nmore: 1\n"
    )
    with pytest.raises(SettingsError) as raised:
        read_follow(str(file))
    for part in (
        "groups[0]",
        "groups[1]",
        "secret",
        "named twice",
        "networks[0]",
        "places[0]",
        "topics[0]",
        "agreed",
        "more",
    ):
        assert part in str(raised.value), part


@pytest.mark.parametrize("text", ["", "[]", "groups: {", "groups: 5", "{}", "a: " + "[" * 2000])
def test_a_file_that_names_nothing_or_is_no_yaml_is_refused_in_words(tmp_path: Path, text: str) -> None:
    file = tmp_path / "follow.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match="GATEWAY_FOLLOW"):
        read_follow(str(file))
