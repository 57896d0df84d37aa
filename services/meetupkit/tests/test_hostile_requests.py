"""What is not HTTP, or may be two things at once, is refused: no application sees it, the next client is served."""

import random
import socket
from collections.abc import Iterator

import pytest
from meetupkit.http.ops_server import OpsServer

from services.meetupkit.tests.raw_http import Served, read_answer, status_of, statuses_of

POST = b"POST /take HTTP/1.1\r\nHost: a\r\n"


def request(
    *headers: bytes, line: bytes = b"POST /take HTTP/1.1", body: bytes = b"", host: bytes = b"Host: a"
) -> bytes:
    return b"\r\n".join([line, *([host] if host else []), *headers]) + b"\r\n\r\n" + body


LENGTHS = [b"Content-Length: 5", b"content-length:5", b"CONTENT-LENGTH: 5", b"Content-Length:\t5 "]
CODINGS = [b"Transfer-Encoding: chunked", b"transfer-encoding:chunked", b"TRANSFER-ENCODING: Chunked"]
CHUNKED = b"5\r\nabcde\r\n0\r\n\r\n"
SMUGGLED = {
    f"{length.decode()!r} beside {coding.decode()!r}, {order}": request(*pair, body=CHUNKED)
    for length in LENGTHS
    for coding in CODINGS
    for order, pair in (("length first", (length, coding)), ("coding first", (coding, length)))
} | {
    f"two lengths: {first!r} {second!r}": request(first, second, body=b"abcde")
    for first in LENGTHS
    for second in (*LENGTHS, b"Content-Length: 6", b"Content-Length: 0")
}
TWICE = {
    f"two {name!r}, {'equal' if same else 'different'}": request(
        name + b": " + first, name.lower() + b": " + (first if same else second), b"Content-Length: 0"
    )
    for name, first, second in (
        (b"Authorization", b"Bearer good", b"Bearer bad"),
        (b"Content-Type", b"application/json", b"text/plain"),
        (b"Content-Encoding", b"identity", b"gzip"),
        (b"Expect", b"100-continue", b"100-continue"),
        (b"Host", b"a", b"b"),
    )
    for same in (True, False)
}
ODD_LENGTHS = {
    f"Content-Length {value!r}": request(b"Content-Length: " + value, body=b"abcde")
    for value in [
        b"-5",
        b"+5",
        b"5.0",
        b"5,5",
        b"5, 5",
        b"0x5",
        b"5_0",
        b"five",
        b"",
        b"5 5",
        b"\xb2",
        b"\xd9\xa5",
        b"9" * 19,
        b"9" * 5000,
        b"1e1",
        b"5;",
        b"5\t6",
        b"NaN",
        b"--5",
        b"5-",
    ]
}
ODD_CODINGS = {
    f"Transfer-Encoding {value!r}": request(b"Transfer-Encoding: " + value, body=CHUNKED)
    for value in [
        b"gzip",
        b"chunked, gzip",
        b"gzip, chunked",
        b"chunked, chunked",
        b"identity",
        b"",
        b"chunked;q=1",
        b"xchunked",
        b"chunked\x0b",
        b'"chunked"',
        b"chun ked",
        b"deflate",
        b"br",
    ]
}
ODD_CHUNKS = {
    f"chunks {body!r:.60}": request(b"Transfer-Encoding: chunked", body=body)
    for body in [
        b"-1\r\n",
        b"+5\r\nabcde\r\n",
        b"0x5\r\nabcde\r\n",
        b"5_\r\nabcde\r\n",
        b" 5\r\nabcde\r\n",
        b"g\r\n",
        b"\r\n",
        b"5\nabcde\n0\n\n",
        b"5\r\nabcdeXX0\r\n\r\n",
        b"5\r\nabcde\n0\r\n\r\n",
        b"F" * 40 + b"\r\n",
        b"5" * 30_000,
        b"5;" + b"a" * 30_000,
        b"1\r\na\r\n" * 2_000 + b"0\r\n\r\n",
        b"0\r\nX" * 2 + b"\r\n\r\n",
        b"0\r\n" + b"A: b\r\n" * 5_000,
        b"5\r\nabcde\r\n0\r\nA b\r\n\r\n",
    ]
}
LINES = {
    f"line {line!r:.60}": request(line=line)
    for line in [
        b"GET /livez",
        b"GET",
        b"",
        b" ",
        b"GET  /livez HTTP/1.1",
        b"GET /livez HTTP/1.1 ",
        b" GET /livez HTTP/1.1",
        b"GET\t/livez\tHTTP/1.1",
        b"GET /livez HTTP/2.0",
        b"GET /livez HTTP/0.9",
        b"GET /livez HTTP/1.2",
        b"GET /livez HTTP/1.10",
        b"GET /livez HTTP/11",
        b"GET /livez http/1.1",
        b"GET /livez XTTP/1.1",
        b"GET /livez HTTPS/1.1",
        b"GET /livez HTTP/1,1",
        b"PRI * HTTP/2.0",
        b"GET http://a/livez HTTP/1.1",
        b"GET https://evil.example/livez HTTP/1.1",
        b"CONNECT a:443 HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET livez HTTP/1.1",
        b"GET ?a HTTP/1.1",
        b"GET \\livez HTTP/1.1",
        b"GET /livez#a HTTP/1.1",
        b"GET /%6civez HTTP/1.1",
        b"GET /%2e%2e/livez HTTP/1.1",
        b"GET /a%00b HTTP/1.1",
        b"GET /v1%2Ftake HTTP/1.1",
        b"GET /li vez HTTP/1.1",
        b"GET /\xc3\xa9 HTTP/1.1",
        b"GET /a\x00 HTTP/1.1",
        b"GET /a\x7f HTTP/1.1",
        b"GET /a\\b HTTP/1.1",
        b"GET /" + b"a" * 3_000 + b" HTTP/1.1",
        b"GET /?" + b"a" * 3_000 + b" HTTP/1.1",
        b"G" * 40 + b" / HTTP/1.1",
        b"G@T / HTTP/1.1",
        b"G\x00T / HTTP/1.1",
        b"GET /livez\rHTTP/1.1",
        b"GET /<script> HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"{}",
        b"*1\r\n$4\r\nPING",
        b"\x00\x00\x00\x00",
    ]
}
FIELDS = {
    f"field {field!r:.60}": request(field, line=b"GET /take HTTP/1.1")
    for field in [
        b"A",
        b": b",
        b"A : b",
        b" A: b",
        b"A: b\r\n c",
        b"A: b\r\n\tc",
        b"A\x00: b",
        b"A: \x00",
        b"A: b\rc",
        b"A: b\nB: c",
        b"A(: b",
        b"A b: c",
        b"\xc3\xa9: b",
        b"A: \x1b[31m",
        b"A: \x7f",
        b"A: " + b"b" * 20_000,
        b"A" * 20_000 + b": b",
        b"A: b\x0bc",
        b"A\t: b",
        b"=: ",
        b"A;: b",
        b"A: b\r\r",
        b"Expect: 200-ok",
        b"Expect: 100-continue, x",
    ]
} | {
    f"{count} fields": request(*[b"A%d: b" % each for each in range(count)], line=b"GET /take HTTP/1.1")
    for count in (65, 200, 1_000)
}
HOSTS = {
    f"host {host!r:.60}": request(line=b"GET /take HTTP/1.1", host=host)
    for host in [
        b"",
        b"Host: a b",
        b"Host: a/b",
        b"Host: user@a",
        b"Host: a?b",
        b"Host: <a>",
        b"Host: " + b"a" * 400,
        b"Host: a\xc3\xa9",
        b"Host: a,b",
        b'Host: "a"',
    ]
}
OLD = {
    "chunked in HTTP/1.0": request(b"Transfer-Encoding: chunked", line=b"POST /take HTTP/1.0", body=CHUNKED),
    "HTTP/0.9": b"GET /take\r\n",
    "HTTP/0.9 by a line feed": b"GET /take\n",
    "line feeds alone": b"GET /take HTTP/1.1\nHost: a\n\n",
    "carriage returns alone": b"GET /take HTTP/1.1\rHost: a\r\r",
    "a line feed in the middle": b"GET /take HTTP/1.1\r\nHost: a\nA: b\r\n\r\n",
    "a head of 20 kB without end": b"GET /take HTTP/1.1\r\n" + b"A: b\r\n" * 4_000,
    "a line of 20 kB without end": b"GET /" + b"a" * 20_000,
}
KINDS = {
    "two lengths": SMUGGLED,
    "a header twice": TWICE,
    "odd lengths": ODD_LENGTHS,
    "odd codings": ODD_CODINGS,
    "odd chunks": ODD_CHUNKS,
    "odd request lines": LINES,
    "odd fields": FIELDS,
    "odd hosts": HOSTS,
    "old and broken": OLD,
}
CASES = [(kind, name, octets) for kind, cases in KINDS.items() for name, octets in cases.items()]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served() as running:
        yield running


@pytest.mark.parametrize("octets", [case[2] for case in CASES], ids=[f"{kind}: {name}" for kind, name, _ in CASES])
def test_a_request_that_is_not_plain_http_is_refused_and_reaches_no_application(served: Served, octets: bytes) -> None:
    before = len(served.app.seen)
    answers = served.ask(octets, end=True)
    assert [status // 100 for status in statuses_of(answers)] in ([4], [5], []), answers[:200]
    assert len(served.app.seen) == before
    assert served.probe() == 200


@pytest.mark.parametrize("name", SMUGGLED | TWICE)
def test_what_two_readers_could_read_differently_is_a_400_and_ends_the_connection(served: Served, name: str) -> None:
    answer = served.ask((SMUGGLED | TWICE)[name])
    assert (status_of(answer), b"Connection: close" in answer) == (400, True)


@pytest.mark.parametrize("seed", range(200))
def test_a_good_request_damaged_anywhere_is_answered_or_refused_and_the_next_is_served(
    served: Served, seed: int
) -> None:
    """Bytes changed, left out and put in."""
    chance = random.Random(seed)
    octets = bytearray(request(b"Content-Length: 5", b"Authorization: Bearer a", body=b"abcde"))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(octets))
        match chance.randrange(3):
            case 0:
                octets[at] = chance.randrange(256)
            case 1:
                del octets[at]
            case _:
                octets[at:at] = chance.choice(
                    [b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"\xff", b"Content-Length: 3\r\n"]
                )
    answers = served.ask(bytes(octets), end=True)
    assert all(status in (200, 400, 408, 414, 417, 431, 501, 505) for status in statuses_of(answers))
    assert served.probe() == 200


def test_requests_sent_before_the_answers_are_answered_in_turn(served: Served) -> None:
    one = request(b"Content-Length: 5", body=b"abcde")
    two = request(b"Transfer-Encoding: chunked", body=b"3\r\nfgh\r\n0\r\n\r\n", line=b"POST /other HTTP/1.1")
    last = request(b"Connection: close", line=b"GET /livez HTTP/1.1")
    assert statuses_of(served.ask(one + two + b"\r\n" + last)) == [200, 200, 200]
    assert served.app.seen[-2:] == [("POST", "/take", b"abcde"), ("POST", "/other", b"fgh")]


def test_a_bad_request_behind_a_good_one_is_refused_by_itself(served: Served) -> None:
    answers = served.ask(request(b"Content-Length: 5", body=b"abcde") + next(iter(SMUGGLED.values())))
    assert statuses_of(answers) == [200, 400]


def test_bytes_one_at_a_time_are_a_request_all_the_same(served: Served) -> None:
    with served.connect() as made:
        for octet in request(b"Content-Length: 5", body=b"abcde"):
            made.sendall(bytes([octet]))
        assert status_of(read_answer(made)) == 200


@pytest.mark.parametrize("line", [b"HEAD /livez HTTP/1.1", b"HEAD /readyz HTTP/1.1", b"HEAD /metrics HTTP/1.1"])
def test_head_is_answered_as_get_without_a_body(served: Served, line: bytes) -> None:
    answer = served.ask(request(b"Connection: close", line=line))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (status_of(answer), body) == (200, b"")
    assert b"content-length: " in head.lower()


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"get", b"BREW"])
@pytest.mark.parametrize("path", [b"/livez", b"/readyz", b"/metrics"])
def test_another_method_on_a_page_is_told_which_there_are(served: Served, method: bytes, path: bytes) -> None:
    answer = served.ask(request(b"Connection: close", line=method + b" " + path + b" HTTP/1.1"))
    assert (status_of(answer), b"allow: GET, HEAD" in answer) == (405, True)


@pytest.mark.parametrize(
    "path", [b"/livez/", b"//livez", b"/./livez", b"/a/../livez", b"/LIVEZ", b"/livez;a", b"/livez/x"]
)
def test_a_page_has_one_path_and_no_redirect_leads_to_it(path: bytes) -> None:
    with (
        Served() as made,
        OpsServer(made.pages, host="127.0.0.1", port=0) as ops,
        socket.create_connection(("127.0.0.1", ops.port), timeout=60) as client,
    ):
        client.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        answer = read_answer(client)
    assert (status_of(answer), b"location" in answer.lower()) == (404, False)


def test_a_bug_in_the_application_costs_one_answer(served: Served) -> None:
    answer = served.ask(request(b"Connection: close", line=b"GET /bug HTTP/1.1"))
    assert (status_of(answer), b"RuntimeError" in answer) == (500, False)
    assert served.probe() == 200


def test_the_rest_of_a_body_nobody_reads_costs_the_client_no_answer(served: Served) -> None:
    answer = served.ask(request(b"Content-Length: 1000000", line=b"POST /unread HTTP/1.1", body=b"a" * 1_000_000))
    assert (status_of(answer), b"connection: close" in answer.lower()) == (200, True)


def test_a_client_that_waits_to_be_told_to_continue_is_told(served: Served) -> None:
    with served.connect() as made:
        made.sendall(request(b"Expect: 100-continue", b"Content-Length: 5"))
        assert made.recv(4096).startswith(b"HTTP/1.1 100")
        made.sendall(b"abcde")
        assert status_of(read_answer(made)) == 200
