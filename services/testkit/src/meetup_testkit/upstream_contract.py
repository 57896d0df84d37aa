"""What the services may expect of their upstream: one set of tests, run against the simulator and the gateway alike.

A test module makes it its own with a class of its own that says what the upstream is::

    class TestTheGateway(StreamContract):
        @pytest.fixture
        def start_upstream(self, ...) -> StartUpstream: ...
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
import requests
from meetupkit.stores import open_documents
from meetupkit.stores.documents.protocol import DocumentStore

from meetup_testkit.service_process import ServiceProcess, StartStream, until
from meetup_testkit.stored import Stored

_RECORDS: Final = 300
_RATE: Final = 150
"""Two seconds of publishing: enough to be stopped in the middle of."""
_SECONDS: Final = 60.0
"""For an answer that must come."""


class Upstream(Protocol):
    """A server of the streams."""

    def stream_url(self, feed: str) -> str:
        """Where a feed is read; open_venues with ``?trickle``."""

    def published(self, feed: str) -> list[bytes]:
        """Every line that it has published, in order, without newlines."""


class StartUpstream(Protocol):
    """Starts one that publishes so many RSVPs at this rate, and has so many venues."""

    def __call__(self, *, records: int, rate: int, venues: int = 0) -> Upstream:
        """Return when it listens."""


@dataclass(frozen=True, slots=True)
class RestUpstream:
    """A server of ``/2/members`` and ``/2/groups``: its key, who it knows, and who it does not."""

    base_url: str
    key: str
    members: tuple[int, ...]
    groups: tuple[int, ...]
    unknown: tuple[int, ...]

    def get(self, kind: str, **parameters: str) -> requests.Response:
        """One call with the key."""
        return requests.get(f"{self.base_url}/2/{kind}", params={"key": self.key, **parameters}, timeout=_SECONDS)


class StreamContract:
    """What ``meetup-stream`` relies on."""

    @pytest.fixture
    def start_upstream(self) -> StartUpstream:
        """To be said by the class that takes these tests over."""
        raise NotImplementedError

    @pytest.fixture
    def stored(self, tmp_path: Path) -> Stored:
        """Where rsvps are stored."""
        return Stored(tmp_path / "objects", "rsvps")

    @pytest.fixture
    def start_stream(self, tmp_path: Path) -> Iterator[StartStream]:
        """Every stream that it started is gone at the end of the test."""
        with ExitStack() as running:
            started = 0

            def start(url: str, **settings: str) -> ServiceProcess:
                nonlocal started
                started += 1
                environ = {
                    "STREAM_FEED": "rsvps",
                    "STREAM_URL": url,
                    "STREAM_OBJECTS": f"file://{tmp_path}/objects",
                    "STREAM_PORT": "0",
                    **settings,
                }
                log = tmp_path / f"contract-stream-{started}.log"
                return running.enter_context(ServiceProcess("meetup_stream", environ, log))

            yield start

    def test_a_stopped_stream_has_stored_all_it_read_and_goes_on_where_it_was(
        self, start_upstream: StartUpstream, start_stream: StartStream, stored: Stored
    ) -> None:
        """The second one finds what was published while none was there."""
        meetup = start_upstream(records=_RECORDS, rate=_RATE)
        first = start_stream(meetup.stream_url("rsvps")).wait_ready()
        until(lambda: len(stored.objects()) > _RECORDS // 10, "some records")
        assert first.stop() == 0
        until(lambda: len(meetup.published("rsvps")) == _RECORDS, "all published")
        second = start_stream(meetup.stream_url("rsvps")).wait_ready()
        published = sorted(set(meetup.published("rsvps")))
        until(lambda: len(stored.objects()) == len(published), "all stored")
        assert second.stop() == 0
        assert stored.bodies() == published

    def test_a_killed_stream_loses_nothing(
        self, start_upstream: StartUpstream, start_stream: StartStream, stored: Stored
    ) -> None:
        meetup = start_upstream(records=_RECORDS, rate=_RATE)
        first = start_stream(meetup.stream_url("rsvps")).wait_ready()
        until(lambda: len(stored.objects()) > _RECORDS // 10, "some records")
        first.kill()
        start_stream(meetup.stream_url("rsvps"))
        until(lambda: len(meetup.published("rsvps")) == _RECORDS, "all published")
        until(lambda: stored.bodies() == sorted(set(meetup.published("rsvps"))), "all stored")

    def test_a_pass_of_venues_is_read_whole(
        self, start_upstream: StartUpstream, start_stream: StartStream, tmp_path: Path
    ) -> None:
        meetup = start_upstream(records=1, rate=1, venues=1200)
        stream = start_stream(meetup.stream_url("open_venues"), STREAM_FEED="open_venues")
        venues = Stored(tmp_path / "objects", "open_venues")
        until(lambda: len(venues.objects()) >= 1200, "the whole database")
        assert "?trickle&since_mtime=…" in stream.events("connected")[0]["url"]
        assert stream.stop() == 0

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
    def test_since_mtime_completes_a_prefix(self, start_upstream: StartUpstream, share: float) -> None:
        """Whoever holds a beginning asks for what came after its greatest mtime less a minute, as a stream does."""
        meetup = start_upstream(records=_RECORDS, rate=10_000)
        until(lambda: len(meetup.published("rsvps")) == _RECORDS, "all published")
        published = meetup.published("rsvps")
        prefix = published[: int(share * _RECORDS)]
        cursor = max((json.loads(line)["mtime"] for line in prefix), default=60_000) - 60_000
        wanted = set(prefix) | {line for line in published if json.loads(line)["mtime"] > cursor}
        found = set(prefix)
        for line in () if found >= wanted else _lines(f"{meetup.stream_url('rsvps')}?since_mtime={cursor}"):
            found.add(line)
            if found >= wanted:
                break
        assert wanted <= found <= set(published)

    def test_since_count_is_the_last_ones(self, start_upstream: StartUpstream) -> None:
        meetup = start_upstream(records=_RECORDS, rate=10_000)
        until(lambda: len(meetup.published("rsvps")) == _RECORDS, "all published")
        lines = _lines(f"{meetup.stream_url('rsvps')}?since_count=5")
        assert [next(lines) for _ in range(5)] == meetup.published("rsvps")[-5:]

    def test_event_id_selects(self, start_upstream: StartUpstream) -> None:
        meetup = start_upstream(records=_RECORDS, rate=10_000)
        until(lambda: len(meetup.published("rsvps")) == _RECORDS, "all published")
        published = meetup.published("rsvps")
        event = _event_of(published[-1])
        wanted = [line for line in published if _event_of(line) == event]
        lines = _lines(f"{meetup.stream_url('rsvps')}?event_id={event}&since_count={_RECORDS}")
        assert [next(lines) for _ in wanted] == wanted

    def test_a_feed_that_does_not_exist_is_404(self, start_upstream: StartUpstream) -> None:
        meetup = start_upstream(records=1, rate=1)
        url = meetup.stream_url("rsvps").replace("/2/rsvps", "/2/nothing")
        with requests.get(url, stream=True, timeout=_SECONDS) as answer:
            assert answer.status_code == requests.codes.not_found


class RestContract:
    """What ``meetup-enricher`` relies on."""

    @pytest.fixture
    def rest(self) -> RestUpstream:
        """To be said by the class that takes these tests over."""
        raise NotImplementedError

    def test_every_id_becomes_a_document_or_is_known_to_be_missing(self, rest: RestUpstream, tmp_path: Path) -> None:
        environ = {
            "ENRICHER_API_URL": rest.base_url,
            "ENRICHER_API_KEY": rest.key,
            "ENRICHER_DOCUMENTS": f"sqlite:///{tmp_path}/documents.db",
            "ENRICHER_PORT": "0",
            "ENRICHER_LINGER_SECONDS": "0.2",
        }
        ids = {"members": [*rest.members, *rest.unknown], "groups": [*rest.groups, *rest.unknown]}
        documents = open_documents(environ["ENRICHER_DOCUMENTS"])
        try:
            with ServiceProcess("meetup_enricher", environ, tmp_path / "contract-enricher.log") as enricher:
                posted = requests.post(f"{enricher.url}/v1/enrichments", json=ids, timeout=_SECONDS)
                assert posted.status_code == requests.codes.accepted, posted.text
                for kind, known in (("members", rest.members), ("groups", rest.groups)):
                    _wait_for(documents, kind, len(known))
                    _wait_for(documents, f"{kind}_missing", len(rest.unknown))
                    found = documents.get(kind, [f"m{number}" for number in known])
                    assert len(found) == len(known)
                assert enricher.stop() == 0
        finally:
            documents.close()

    @pytest.mark.parametrize("kind", ["members", "groups"])
    def test_who_is_not_known_is_absent_from_a_200(self, rest: RestUpstream, kind: str) -> None:
        known = rest.members if kind == "members" else rest.groups
        ids = ",".join(map(str, (*known, *rest.unknown)))
        answer = rest.get(kind, **{f"{kind[:-1]}_id": ids})
        assert answer.status_code == requests.codes.ok
        assert {each["id"] for each in answer.json()["results"]} == set(known)
        assert rest.key not in json.dumps(answer.json()["results"])

    @pytest.mark.parametrize("kind", ["members", "groups"])
    def test_pages_lead_to_all(self, rest: RestUpstream, kind: str) -> None:
        known = rest.members if kind == "members" else rest.groups
        ids, found, page = ",".join(map(str, known)), set[int](), 0
        while True:
            body = rest.get(kind, **{f"{kind[:-1]}_id": ids}, page="2", offset=str(page)).json()
            found |= {each["id"] for each in body["results"]}
            page += 1
            if not body["meta"]["next"]:
                break
            assert f"offset={page}" in body["meta"]["next"]
        assert found == set(known)
        assert page == -(-len(known) // 2)

    @pytest.mark.parametrize(
        ("parameters", "status", "code"),
        [({"key": "another", "member_id": "1"}, 401, "not_authorized"), ({}, 400, "bad_request")],
    )
    def test_what_is_refused_is_refused_in_the_old_words(
        self, rest: RestUpstream, parameters: dict[str, str], status: int, code: str
    ) -> None:
        answer = rest.get("members", **parameters)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def _wait_for(documents: DocumentStore, collection: str, count: int) -> None:
    until(lambda: documents.count(collection) == count, f"{count} of {collection}")


def _event_of(line: bytes) -> Any:
    return json.loads(line)["event"]["event_id"]


def _lines(url: str) -> Iterator[bytes]:
    """What is sent, without newlines that say nothing."""
    with requests.get(url, stream=True, timeout=_SECONDS) as answer:
        answer.raise_for_status()
        yield from filter(None, answer.iter_lines(chunk_size=None, delimiter=b"\n"))
