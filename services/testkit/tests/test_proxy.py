"""The TCP proxy, between a client and a server that echoes."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from meetup_testkit.service_process import until
from meetup_testkit.simulator_plugin import StartProxy
from meetup_testkit.tcp_proxy import Direction, Disturbance, TcpProxy

SILENCE = 0.2


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets."""

    def echo(client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(65536):
                    client.sendall(data)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def proxy(tcp_proxy: StartProxy, echo_port: int) -> TcpProxy:
    return tcp_proxy(echo_port)


@pytest.fixture
def connect(proxy: TcpProxy) -> Iterator[Callable[[], socket.socket]]:
    opened: list[socket.socket] = []

    def connection() -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=30))
        return opened[-1]

    yield connection
    for client in opened:
        client.close()


Connect = Callable[[], socket.socket]


def exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        assert more
        data += more
    return data


def assert_echoes(client: socket.socket, data: bytes = b"hello") -> None:
    client.sendall(data)
    assert exactly(client, len(data)) == data


def assert_fired(proxy: TcpProxy, kind: Disturbance, times: int = 1) -> None:
    """It strikes when the bytes come to the proxy, which a client that has sent them does not know."""
    until(lambda: proxy.fired.get(kind, 0) >= times, f"{kind} to strike")
    assert proxy.fired == {kind: times}


def assert_silent(client: socket.socket) -> None:
    client.settimeout(SILENCE)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(30)


def test_an_undisturbed_proxy_forwards_every_byte_both_ways(proxy: TcpProxy, connect: Connect) -> None:
    client = connect()
    assert_echoes(client, bytes(range(256)) * 1000)
    assert proxy.forwarded == {Direction.TO_UPSTREAM: 256_000, Direction.TO_CLIENT: 256_000}
    assert (proxy.accepted, proxy.open, proxy.fired) == (1, 1, {})


def test_a_half_closed_connection_still_gets_its_answer(connect: Connect) -> None:
    client = connect()
    client.sendall(b"hello")
    client.shutdown(socket.SHUT_WR)
    assert exactly(client, 5) == b"hello"
    assert client.recv(1) == b""


def test_refuse_refuses_new_connections_and_leaves_open_ones(proxy: TcpProxy, connect: Connect) -> None:
    client = connect()
    assert_echoes(client)
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connect()
    assert_echoes(client)
    assert proxy.fired == {Disturbance.REFUSE: 1}
    proxy.heal()
    assert_echoes(connect())


def test_reset_resets_new_connections_as_often_as_asked(proxy: TcpProxy, connect: Connect) -> None:
    proxy.reset(times=2)
    for _ in range(2):
        with pytest.raises(ConnectionResetError):  # noqa: PT012  (either call may meet the reset)
            client = connect()
            client.recv(1)
    assert_echoes(connect())
    assert proxy.fired == {Disturbance.RESET: 2}


def test_reset_open_resets_what_is_open(proxy: TcpProxy, connect: Connect) -> None:
    client = connect()
    assert_echoes(client)
    proxy.reset_open()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert proxy.fired == {Disturbance.RESET: 1}


def test_hang_accepts_and_says_nothing_until_healed(proxy: TcpProxy, connect: Connect) -> None:
    proxy.hang()
    client = connect()
    client.sendall(b"hello")
    assert_silent(client)
    assert_fired(proxy, Disturbance.HANG)
    proxy.heal()
    assert exactly(client, 5) == b"hello"


@pytest.mark.parametrize(
    ("direction", "arrives"), [(Direction.TO_CLIENT, True), (Direction.TO_UPSTREAM, False), (None, False)]
)
def test_stall_holds_back_its_direction_until_healed(
    direction: Direction | None, arrives: bool, proxy: TcpProxy, connect: Connect
) -> None:
    client = connect()
    assert_echoes(client)
    proxy.stall(direction)
    client.sendall(b"again")
    assert_silent(client)
    assert_fired(proxy, Disturbance.STALL)
    assert (proxy.forwarded[Direction.TO_UPSTREAM] == 10) is arrives
    proxy.heal()
    assert exactly(client, 5) == b"again"


def test_slow_forwards_everything_at_its_rate(proxy: TcpProxy, connect: Connect) -> None:
    proxy.slow(20_000, Direction.TO_CLIENT)
    assert_echoes(connect(), b"x" * 5_000)
    assert proxy.fired == {Disturbance.SLOW: 1}


@pytest.mark.parametrize("rst", [False, True])
def test_cut_ends_the_connection_at_the_byte(rst: bool, proxy: TcpProxy, connect: Connect) -> None:
    proxy.cut(3, Direction.TO_CLIENT, rst=rst, times=1)
    client = connect()
    client.sendall(b"hello")
    received = b""
    try:
        while data := client.recv(100):
            received += data
        ended = "fin"
    except ConnectionResetError:
        ended = "rst"
    assert b"hel".startswith(received)
    assert ended == ("rst" if rst else "fin")
    assert rst or received == b"hel"
    assert_echoes(connect())
    assert proxy.fired == {Disturbance.CUT: 1}


def test_cut_towards_the_upstream_sends_it_no_more_than_that(proxy: TcpProxy, connect: Connect) -> None:
    proxy.cut(4, Direction.TO_UPSTREAM)
    client = connect()
    client.sendall(b"hello")
    while client.recv(100):
        pass
    assert proxy.forwarded[Direction.TO_UPSTREAM] == 4


def test_an_upstream_that_is_down_ends_the_connection(tcp_proxy: StartProxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    proxy = tcp_proxy(port)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
        assert client.recv(1) == b""


def test_a_lost_connection_stays_silent_when_the_proxy_is_healed(proxy: TcpProxy, connect: Connect) -> None:
    before = connect()
    before.sendall(b"hello")
    assert exactly(before, 5) == b"hello"
    proxy.lose()
    meanwhile = connect()
    for client in (before, meanwhile):
        client.sendall(b"hello")
        assert_silent(client)
    assert_fired(proxy, Disturbance.LOSE, 2)
    proxy.heal()
    for client in (before, meanwhile):
        client.sendall(b"hello")
        assert_silent(client)
    after = connect()
    after.sendall(b"hello")
    assert exactly(after, 5) == b"hello"
