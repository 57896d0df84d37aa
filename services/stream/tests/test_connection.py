"""TLS and proxies: what carries the connection is trusted no further than its certificate."""

import base64
import socket
import ssl
import threading
import time
from contextlib import closing

import pytest
from meetup_stream.reading.connection import CA_VARIABLES
from meetup_stream.reading.route import NoRoute, route_to

from tests.operator.certificate import Certificate, a_certificate

from .hostile import ONE, TWO, RawServer, chunked, read_from, response_headers

STREAM = [response_headers("Transfer-Encoding: chunked") + chunked(ONE + b"\n", TWO + b"\n")]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return a_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.server)
    return context


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its proxies and authorities are not the test's."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", *map(str.lower, CA_VARIABLES)):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_stream_over_tls_is_read_where_its_authority_is_trusted(
    variable: str, certificate: Certificate, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(certificate.authority))
    with RawServer(STREAM, tls=context) as server:
        read = read_from(server)
    assert (read.lines, read.cause) == ([ONE, TWO], "ended")


def test_a_certificate_of_an_unknown_authority_is_not_connected(context: ssl.SSLContext) -> None:
    with RawServer(STREAM, tls=context) as server:
        read = read_from(server)
    assert (read.opened, read.cause) == (False, "unreachable")
    assert "certificate verify failed" in read.unavailable_reason


def test_a_certificate_of_another_name_is_not_connected(
    certificate: Certificate, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with RawServer(STREAM, tls=context) as server:
        read = read_from(server, url=server.url.replace("127.0.0.1", "localhost"))
    assert (read.opened, read.cause) == (False, "unreachable")
    assert "mismatch" in read.unavailable_reason


@pytest.mark.parametrize("whole", [True, False], ids=["after a line", "in a line"])
def test_a_tls_connection_that_is_cut_without_its_own_end_ends_no_body(
    whole: bool, certificate: Certificate, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    answer = response_headers("Connection: close") + ONE + b"\n" + (b"" if whole else TWO)
    with RawServer([answer], tls=context) as server:  # it closes the connection without TLS's close_notify
        read = read_from(server)
    assert (read.lines, read.cause) == ([ONE], "broken")


def test_a_server_that_speaks_no_tls_is_not_connected() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, RawServer([]) as unused:
        thread = threading.Thread(target=answer_in_plain_text, args=(listener,))
        thread.start()
        read = read_from(unused, url=f"https://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()
    assert (read.opened, read.cause) == (False, "unreachable")


def answer_in_plain_text(listener: socket.socket) -> None:
    peer, _ = listener.accept()
    with peer:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.faults
def test_a_handshake_that_does_not_go_on_is_given_up_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        began = time.monotonic()
        with RawServer([]) as unused:
            read = read_from(unused, url=f"https://127.0.0.1:{listener.getsockname()[1]}/")
    assert (read.cause, read.unavailable_reason) == (
        "unreachable",
        "not connected: ConnectionError: no TLS within 10 s",
    )
    assert time.monotonic() - began < 60


def test_a_proxy_is_asked_for_the_whole_address_and_told_its_own_password_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with RawServer(STREAM) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:open%2Fsesame@127.0.0.1:{proxy.port}")
        read = read_from(proxy, url="http://stream.example/2/rsvps?since_mtime=0")
    assert read.lines == [ONE, TWO]
    (request,) = read.requests
    assert request.startswith(b"GET http://stream.example/2/rsvps?since_mtime=0 HTTP/1.1\r\nHost: stream.example\r\n")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:open/sesame") in request


def test_an_address_in_no_proxy_is_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    with RawServer(STREAM) as server:
        assert read_from(server).lines == [ONE, TWO]


def test_a_proxy_that_refuses_a_tunnel_is_not_connected_and_hears_nothing_of_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with RawServer([response_headers(status="HTTP/1.1 407 Proxy \x1b[31mAuthentication")]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        read = read_from(proxy, url="https://stream.example/2/rsvps?token=SECRET")
    assert (read.opened, read.cause) == (False, "unreachable")
    assert "the proxy answered 407 Proxy Authentication" in read.unavailable_reason
    (request,) = read.requests
    assert request.startswith(b"CONNECT stream.example:443 HTTP/1.1\r\nHost: stream.example:443\r\n")
    assert b"SECRET" not in request


def test_a_stream_over_tls_is_read_through_a_tunnel(
    certificate: Certificate, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with RawServer(STREAM, tls=context) as server, closing(socket.create_server(("127.0.0.1", 0))) as listener:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=connect_one, args=(listener, server.port))
        thread.start()
        read = read_from(server)
        thread.join()
    assert read.lines == [ONE, TWO]


def connect_one(listener: socket.socket, port: int) -> None:
    """As a proxy does for one CONNECT; ends when the server's side does."""
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=pump, args=(server, client))
        back.start()
        pump(client, server)
        back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while block := source.recv(65536):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side is gone


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "https://user:SECRET@proxy:443", "http://", "ftp://x"])
def test_a_proxy_of_another_kind_is_refused_in_words(proxy: str) -> None:
    with pytest.raises(NoRoute, match="http://host:port") as caught:
        route_to("http://stream.example/", proxy)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "target"),
    [
        ("http://h", "h", 80, "h", "/"),
        ("https://h/2/rsvps?a&b=%2F", "h", 443, "h", "/2/rsvps?a&b=%2F"),
        ("http://[::1]:8080/x", "::1", 8080, "[::1]:8080", "/x"),
        ("http://H.example:81?q", "h.example", 81, "H.example:81", "/?q"),
    ],
)
def test_an_address_says_what_to_connect_to_and_what_to_ask_for(
    url: str, host: str, port: int, authority: str, target: str
) -> None:
    route = route_to(url, None)
    assert (route.host, route.port, route.authority, route.target) == (host, port, authority, target)
