"""Headers as a server may write them: what is needed is read, nothing else decides, and nothing is shown raw."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from meetup_stream.reading.connection import HEADERS_SECONDS
from meetup_stream.reading.response import MAX_HEADERS_BYTES

from .hostile import ONE, TWO, Ending, RawServer, Read, chunked, cut, read_answer, read_from, response_headers

pytestmark = pytest.mark.faults

BODY = chunked(ONE + b"\n", TWO + b"\n")
CHUNKED = "Transfer-Encoding: chunked"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
COLOURED = "\x1b[31mred\x1b[0m\x1b]0;title\x07"
BIDI = "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe\N{ZERO WIDTH SPACE}".encode().decode("latin-1")

READABLE = {
    "lower case": response_headers("transfer-encoding: CHUNKED"),
    "no reason": response_headers(CHUNKED, status="HTTP/1.1 200"),
    "no reason, a space": response_headers(CHUNKED, status="HTTP/1.1 200 "),
    "HTTP/1.0 with chunks": response_headers(CHUNKED, status="HTTP/1.0 200 OK"),
    "HTTP/1.9": response_headers(CHUNKED, status="HTTP/1.9 200 OK"),
    "another reason": response_headers(CHUNKED, status=f"HTTP/1.1 200 {COLOURED}"),
    "a long reason": response_headers(CHUNKED, status=f"HTTP/1.1 200 {'O' * 60_000}"),
    "blanks in the status line": response_headers(CHUNKED, status="HTTP/1.1  \t200   OK  "),
    "LF alone": response_headers(CHUNKED).replace(b"\r", b""),
    "LF and CRLF": b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\r\n\n",
    "blank lines before": b"\r\n\n\r\n" + response_headers(CHUNKED),
    "no blank behind the colon": response_headers("Transfer-Encoding:chunked"),
    "blanks before the colon": response_headers("Transfer-Encoding \t: \t chunked \t "),
    "folded": response_headers("Transfer-Encoding:\r\n  chunked"),
    "folded by a tab": response_headers("X: a\r\n\tb", CHUNKED),
    "no header": response_headers("this is no header", CHUNKED),
    "an empty name": response_headers(": empty", CHUNKED),
    "NUL": response_headers("X: a\0b", CHUNKED),
    "form feed and NEL": response_headers("X: a\x0cTransfer-Encoding: gzip\x85Content-Encoding: br", CHUNKED),
    "CR alone": response_headers("X: a\rContent-Encoding: br", CHUNKED),
    "escape sequences": response_headers(f"X: {COLOURED}", f"Set-Cookie: {COLOURED}", CHUNKED),
    "no ASCII": response_headers("X: \xff\xfe\xfc", "\xff: x", CHUNKED),
    "200 headers": response_headers(*(f"X-{n}: {n}" for n in range(200)), CHUNKED),
    "a long header": response_headers(f"X: {'x' * 60_000}", CHUNKED),
    "length beside chunks": response_headers("Content-Length: 3", CHUNKED),
    "identity twice": response_headers("Transfer-Encoding: identity, chunked", "Content-Encoding: identity"),
    "chunked twice said": response_headers("Transfer-Encoding: identity", CHUNKED),
    "a parameter": response_headers("Transfer-Encoding: chunked;q=1"),
    "empty encodings": response_headers("Content-Encoding:", "Content-Encoding: ,", CHUNKED),
    "a keep-alive": response_headers("Connection: keep-alive, Upgrade", "Upgrade: h2c", CHUNKED),
    "100 before": CONTINUE + response_headers(CHUNKED),
    "many interim answers": CONTINUE * 500 + response_headers(CHUNKED),
    "103 before": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Encoding: br\r\n\r\n" + response_headers(CHUNKED),
    "102 without reason": b"HTTP/1.1 102\r\n\r\n" + response_headers(CHUNKED),
    "199 before": b"HTTP/1.1 199 Nonsense\r\n\r\n" + response_headers(CHUNKED),
}


@pytest.mark.parametrize("size", [1, 5, 100_000])
@pytest.mark.parametrize("shape", READABLE)
def test_what_is_needed_of_headers_is_read_whatever_else_is_in_it(shape: str, size: int) -> None:
    whole = READABLE[shape]
    pieces = [*cut(whole, size if len(whole) < 2000 else size + 500), BODY]
    read = read_answer(pieces)
    assert (read.lines, read.cause) == ([ONE, TWO], "ended")


UNREADABLE = {
    "HTTP/2": response_headers(CHUNKED, status="HTTP/2 200 OK"),
    "HTTP/0.9": response_headers(CHUNKED, status="HTTP/0.9 200 OK"),
    "HTTP/3.0": response_headers(CHUNKED, status="HTTP/3.0 200"),
    "no status": response_headers(CHUNKED, status="HTTP/1.1 OK"),
    "four digits": response_headers(CHUNKED, status="HTTP/1.1 2000 OK"),
    "two digits": response_headers(CHUNKED, status="HTTP/1.1 20 OK"),
    "negative": response_headers(CHUNKED, status="HTTP/1.1 -20 OK"),
    "signed": response_headers(CHUNKED, status="HTTP/1.1 +200 OK"),
    "lower case": response_headers(CHUNKED, status="http/1.1 200 ok"),
    "ICY": response_headers(CHUNKED, status="ICY 200 OK"),
    "HTTPS": response_headers(CHUNKED, status="HTTPS/1.1 200 OK"),
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "SMTP": b"220 mail.example.com ESMTP\r\n",
    "Redis": b"-ERR unknown command 'GET'\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "HTML": b"<html><body>Not found</body></html>",
    "JSON": ONE + b"\n" + TWO + b"\n",
    "escape sequences": b"\x1b[31m\x1b]0;owned\x07HTTP/1.1 200 OK\r\n\r\n",
    "a mark before": b"\xef\xbb\xbf" + response_headers(CHUNKED),
    "a request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "random": bytes(range(255, 0, -1)),
    "too long": response_headers(f"X: {'x' * MAX_HEADERS_BYTES}", CHUNKED),
    "too many headers": response_headers(*(f"X-{n}: {'x' * 60}" for n in range(2000)), CHUNKED),
    "a reason too long": b"HTTP/1.1 200 " + b"O" * MAX_HEADERS_BYTES,
    "interim answers without end": CONTINUE * 5000,
    "hints without end": (b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"/x" * 500 + b">\r\n\r\n") * 100,
    "blank lines without end": b"\r\n" * MAX_HEADERS_BYTES,
    "negative length": response_headers("Content-Length: -1"),
    "signed length": response_headers("Content-Length: +5"),
    "hexadecimal length": response_headers("Content-Length: 0x10"),
    "two lengths": response_headers("Content-Length: 5", "Content-Length: 6"),
    "two lengths in one": response_headers("Content-Length: 5, 6"),
    "a length in words": response_headers("Content-Length: five"),
    "a length of other digits": response_headers("Content-Length: \xb2"),
    "a length of 400 digits": response_headers(f"Content-Length: {'9' * 400}"),
    "a length with a point": response_headers("Content-Length: 5.0"),
    "unknown transfer": response_headers("Transfer-Encoding: sideways"),
    "packed transfer without chunks": response_headers("Transfer-Encoding: gzip"),
    "chunked not last": response_headers("Transfer-Encoding: chunked, gzip"),
    "chunked twice": response_headers("Transfer-Encoding: chunked, chunked"),
    "packed twice": response_headers("Transfer-Encoding: gzip, chunked", "Content-Encoding: gzip"),
    "smuggled": response_headers("Transfer-Encoding: xchunked"),
    "coloured transfer": response_headers(f"Transfer-Encoding: {COLOURED}"),
}


@pytest.mark.parametrize("size", [3, 100_000])
@pytest.mark.parametrize("shape", UNREADABLE)
def test_headers_that_cannot_be_read_is_not_connected_with_the_reason(shape: str, size: int) -> None:
    whole = UNREADABLE[shape]
    read = read_answer(cut(whole, size if len(whole) < 2000 else size + 2000), Ending.HOLD)
    assert (read.opened, read.lines, read.cause) == (False, [], "unreadable")
    assert_shown_safely(read)


ENDED = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 2",
    "half of the headers": response_headers(CHUNKED)[:-2],
    "100": CONTINUE,
}


@pytest.mark.parametrize("ending", [Ending.FIN, Ending.RST])
@pytest.mark.parametrize("shape", ENDED)
def test_a_connection_that_ends_before_headers_are_unreachable(shape: str, ending: Ending) -> None:
    read = read_answer([ENDED[shape]], ending)
    assert (read.opened, read.cause) == (False, "unreachable")
    assert_shown_safely(read)


def test_a_server_that_does_not_answer_is_given_up_after_the_read_timeout() -> None:
    read = read_answer([], Ending.HOLD, silence=0.2)
    assert (read.cause, read.unavailable_reason) == ("silent", "not connected: no answer within 0.2 s")


STATUSES = [201, 202, 203, 204, 205, 206, 226, 300, 304, 305, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410]
STATUSES += [413, 414, 415, 417, 418, 420, 421, 422, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505]
STATUSES += [507, 511, 520, 521, 522, 525, 530, 599, 600, 999, 101]
REASONS = ["", "Forbidden", COLOURED, BIDI, "x" * 60_000, "a\tb\x0bc\x85d\x7f", "\xff\xfe"]
ERROR_BODIES = {
    "none": ([], b""),
    "escape sequences": ([], COLOURED.encode() * 50),
    "long": ([CHUNKED], chunked(b"x" * 60_000)),
    "without end": ([CHUNKED], chunked(*[b"y" * 1000] * 200, last=b"")),
    "gzip announced": (["Content-Encoding: gzip"], b"no gzip"),
    "br": (["Content-Encoding: br"], b"\x1b\x00"),
    "bad length": (["Content-Length: -5"], b"text"),
    "bidi": (["Content-Length: 15"], "\N{RIGHT-TO-LEFT OVERRIDE}abc\r\n\r\nforged".encode()),
}


@pytest.mark.parametrize("status", STATUSES)
def test_another_status_than_200_is_not_connected_with_the_status(status: int) -> None:
    read = read_answer([response_headers(status=f"HTTP/1.1 {status} Reason"), ONE + b"\n"])
    assert (read.opened, read.lines, read.cause) == (False, [], "status")
    assert f"not connected: {status} Reason" in read.unavailable_reason


@pytest.mark.parametrize("body", ERROR_BODIES)
@pytest.mark.parametrize("reason", REASONS, ids=[ascii(reason[:12]) for reason in REASONS])
def test_text_of_an_error_is_shown_printable_and_short(reason: str, body: str) -> None:
    headers, text = ERROR_BODIES[body]
    read = read_answer([response_headers(*headers, status=f"HTTP/1.1 403 {reason}"), text])
    assert read.cause == "status"
    assert read.unavailable_reason.startswith("not connected: 403")
    assert_shown_safely(read)


LOCATIONS = {
    "elsewhere": ("http://10.0.0.1/latest/meta-data", "http://10.0.0.1/latest/meta-data"),
    "with a token": (
        "https://x.example/2/rsvps?access_token=SECRET&since=1",
        "https://x.example/2/rsvps?access_token=…",
    ),
    "with a password": ("http://user:SECRET@x.example/", "http://x.example/"),
    "relative": ("/2/rsvps_new", "/2/rsvps_new"),
    "another scheme": ("file:///etc/passwd", "file:///etc/passwd"),
    "script": ("javascript:alert(1)", "javascript:"),
    "no address": ("http://[::SECRET", "http"),
    "empty": ("", "http://127.0.0.1"),
    "coloured": (f"http://x.example/{COLOURED}", "http://x.example/"),
    "long": ("http://x.example/" + "a" * 50_000, "http://x.example/aaa"),
    "no ASCII": ("http://x\xfc.example/", "example"),
    "protocol relative": ("//x.example/2", "http://x.example/2"),
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", LOCATIONS)
def test_a_redirect_is_not_followed_and_names_its_target_and_the_setting(where: str, status: int) -> None:
    location, shown = LOCATIONS[where]
    with RawServer(
        [response_headers(f"Location: {location}", CHUNKED, status=f"HTTP/1.1 {status} Moved"), BODY]
    ) as server:
        read = read_from(server)
    assert (read.opened, read.lines, read.cause) == (False, [], "status")
    assert f"redirected ({status}) to " in read.unavailable_reason
    assert shown in read.unavailable_reason
    assert "STREAM_URL" in read.unavailable_reason
    assert "SECRET" not in read.unavailable_reason
    assert len(read.requests) == 1
    assert_shown_safely(read)


def test_the_body_of_a_redirect_is_not_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sent = 0

        def serve() -> None:
            nonlocal sent
            peer, _ = listener.accept()
            peer.settimeout(60)
            with peer:
                peer.recv(65536)
                peer.sendall(response_headers("Location: http://x.example/", status="HTTP/1.1 302 Found"))
                try:
                    while sent < 64 * 1024 * 1024:
                        sent += peer.send(b"x" * 65536)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        with RawServer([]) as unused:
            read_from(unused, url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    assert sent < 16 * 1024 * 1024  # what the kernel's own buffers hold


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/2/rsvps", "http://stream.meetup.invalid/2/rsvps", "http://" + "a" * 70 + ".example/"]
)
def test_a_server_that_cannot_be_reached_is_not_connected_with_the_reason(url: str) -> None:
    with RawServer([]) as unused:
        read = read_from(unused, url=url)
    assert (read.opened, read.cause) == (False, "unreachable")
    assert_shown_safely(read)


SLOW_SENDERS = {
    "headers": (cut(response_headers(CHUNKED) + BODY, 1), "its headers were not complete"),
    "a status line": ([b"HTTP/1.1 200 ", *[b"x"] * 10_000], "its headers were not complete"),
    "a header": ([b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * 10_000], "its headers were not complete"),
    "interim answers": ([CONTINUE] * 10_000, "its headers were not complete"),
    "blank lines": ([b"\r\n"] * 10_000, "its headers were not complete"),
    "the size of a chunk": ([response_headers(CHUNKED), *[b"0"] * 10_000], "the size of a chunk was not whole"),
    "an extension": ([response_headers(CHUNKED) + b"5;", *[b"x"] * 10_000], "the size of a chunk was not whole"),
}


def test_a_slow_sender_is_given_up_in_time() -> None:
    """All at once, because each takes its half minute."""
    with ThreadPoolExecutor(len(SLOW_SENDERS)) as pool:
        reads = dict(
            zip(
                SLOW_SENDERS, pool.map(lambda case: read_answer(case[0], pause=1.0), SLOW_SENDERS.values()), strict=True
            )
        )
    for name, read in reads.items():
        assert SLOW_SENDERS[name][1] in read.unavailable_reason, name
        assert HEADERS_SECONDS - 1 < read.seconds < HEADERS_SECONDS + 60, name
        assert read.lines == []


def test_slow_trailers_are_not_waited_for() -> None:
    read = read_answer([response_headers(CHUNKED), chunked(ONE, last=b"0\r\n"), *[b"X: y\r\n"] * 1000], pause=0.5)
    assert (read.lines, read.cause) == ([ONE], "ended")
    assert read.seconds < 60  # of 500


def assert_shown_safely(read: Read) -> None:
    """One line that a terminal shows as it is, the foreign part of it at most 200 characters."""
    assert read.unavailable_reason.startswith("not connected: ")
    assert read.unavailable_reason.isprintable()
    assert not {"\N{RIGHT-TO-LEFT OVERRIDE}", "\N{ZERO WIDTH SPACE}", "\x1b"} & set(read.unavailable_reason)
    assert len(read.unavailable_reason) < 330
