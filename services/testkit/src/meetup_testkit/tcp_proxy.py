"""A TCP proxy that disturbs what passes through it: between a service and any upstream, switchable at run time.

It runs in a thread of its own, so a test uses it in-process::

    with TcpProxy("127.0.0.1", upstream_port) as proxy:
        proxy.stall(Direction.TO_CLIENT)
        ...
        proxy.heal()

One disturbance holds at a time and applies to open connections too, unless noted. ``fired`` counts how often
each one struck.
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meetup_testkit.proxy import Proxy

_BLOCK_BYTES: Final = 64 * 1024
_SLICES_PER_SECOND: Final = 20
"""A slowed connection forwards a twentieth of its rate twenty times per second."""


class Direction(StrEnum):
    """Which way bytes flow."""

    TO_CLIENT = "to_client"
    TO_UPSTREAM = "to_upstream"


class Disturbance(StrEnum):
    """What the proxy can do; the keys of ``fired``."""

    REFUSE = "refuse"
    RESET = "reset"
    HANG = "hang"
    STALL = "stall"
    SLOW = "slow"
    CUT = "cut"
    LOSE = "lose"


@dataclass(slots=True)
class _State:
    """The disturbance that holds now, if one does. ``times`` ``None`` means until it is healed."""

    kind: Disturbance | None = None
    direction: Direction | None = None
    bytes_per_second: float = 0.0
    at_byte: int = 0
    rst: bool = False
    times: int | None = None

    def strikes(self, kind: Disturbance, direction: Direction | None = None) -> bool:
        if self.kind is not kind or self.times == 0:
            return False
        return direction is None or self.direction in (None, direction)


@dataclass(eq=False, slots=True)
class _Pair:
    """One connection, and the one to the upstream that belongs to it."""

    client: asyncio.StreamWriter
    upstream: asyncio.StreamWriter
    lost: bool


class TcpProxy(Proxy):
    """Forwards every connection to ``host:port``; ``self.port`` is its own."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, name="tcp-proxy")
        self._state = _State()
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._pairs: set[_Pair] = set()
        self._fired: Counter[Disturbance] = Counter()
        self._forwarded: Counter[Direction] = Counter()
        self._accepted = 0

    @property
    def fired(self) -> dict[Disturbance, int]:
        """How often each disturbance struck; a refusal counts once, because the kernel does not tell of each."""
        return self._thread.do(lambda: dict(self._fired))

    @property
    def forwarded(self) -> dict[Direction, int]:
        """Bytes forwarded so far each way."""
        return self._thread.do(lambda: dict(self._forwarded))

    @property
    def accepted(self) -> int:
        """Connections accepted so far."""
        return self._thread.do(lambda: self._accepted)

    @property
    def open(self) -> int:
        """Connections open now."""
        return self._thread.do(lambda: len(self._tasks))

    def refuse(self) -> None:
        """New connections are refused (``ECONNREFUSED``); open ones go on."""
        self._set(_State(Disturbance.REFUSE))

    def reset(self, times: int | None = None) -> None:
        """New connections are accepted and reset at once."""
        self._set(_State(Disturbance.RESET, times=times))

    def hang(self) -> None:
        """New connections are accepted, and nothing is ever read from them or sent to them."""
        self._set(_State(Disturbance.HANG))

    def stall(self, direction: Direction | None = None) -> None:
        """Nothing flows in this direction (or in both)."""
        self._set(_State(Disturbance.STALL, direction))

    def slow(self, bytes_per_second: float, direction: Direction | None = None) -> None:
        """Each connection forwards so many bytes per second in this direction (or in each)."""
        self._set(_State(Disturbance.SLOW, direction, bytes_per_second=bytes_per_second))

    def cut(self, at_byte: int, direction: Direction, *, rst: bool = False, times: int | None = None) -> None:
        """End connections opened from now on after so many bytes in this direction, with FIN or RST."""
        self._set(_State(Disturbance.CUT, direction, at_byte=at_byte, rst=rst, times=times))

    def lose(self) -> None:
        """Connections open now, and new ones until it is healed, are lost: nothing flows on them any more, nobody is
        told, and to heal does not bring them back. So a peer looks that lost its power, or a NAT that forgot."""
        self._thread.do(self._lose_open)
        self._set(_State(Disturbance.LOSE))

    def reset_open(self) -> None:
        """Reset every open connection now; counts as ``reset``, and changes nothing for new ones."""
        self._thread.do(self._reset_open)

    def heal(self) -> None:
        """No disturbance any more."""
        self._set(_State())

    def _set(self, state: _State) -> None:
        self._thread.run(self._become(state))

    async def _become(self, state: _State) -> None:
        self._state = state
        if state.kind is Disturbance.REFUSE:
            self._close_listener()
            self._fired[Disturbance.REFUSE] += 1
        else:
            await self._listen()
        self._changed.set()
        self._changed = asyncio.Event()

    def _reset_open(self) -> None:
        self._fired[Disturbance.RESET] += len(self._tasks)
        for writer in self._writers:
            _reset(writer)

    def _lose_open(self) -> None:
        for pair in self._pairs:
            pair.lost = True
        self._fired[Disturbance.LOSE] += len(self._pairs)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        super()._accept(reader, writer)

    def _strike(self, kind: Disturbance) -> None:
        self._fired[kind] += 1
        if self._state.times is not None:
            self._state.times -= 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        pair: _Pair | None = None
        try:
            if self._state.strikes(Disturbance.RESET):
                self._strike(Disturbance.RESET)
                _reset(writer)
                return
            await self._pass(Disturbance.HANG)
            answers, upstream = await self._connect()
            self._writers.add(upstream)
            pair = _Pair(writer, upstream, lost=self._state.strikes(Disturbance.LOSE))
            self._pairs.add(pair)
            if pair.lost:
                self._strike(Disturbance.LOSE)
            cut = self._state if self._state.strikes(Disturbance.CUT) else None
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, upstream, Direction.TO_UPSTREAM, cut, pair))
                pumps.create_task(self._pump(answers, writer, Direction.TO_CLIENT, cut, pair))
        except* OSError:
            pass  # one side is gone: the other learns it by the close below
        finally:
            if pair is not None:
                self._pairs.discard(pair)
            self._writers.discard(writer)
            if upstream is not None:
                self._writers.discard(upstream)
                upstream.close()

    async def _pass(self, kind: Disturbance, direction: Direction | None = None) -> None:
        """Wait until this disturbance does not hold (any more)."""
        if self._state.strikes(kind, direction):
            self._strike(kind)
            while self._state.strikes(kind, direction):
                await self._changed.wait()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        direction: Direction,
        cut: _State | None,
        pair: _Pair,
    ) -> None:
        """Forward one way until the source ends, then half-close the sink, as TCP would."""
        left = cut.at_byte if cut is not None and cut.direction in (None, direction) else None
        slowed = False
        while data := await source.read(self._block(left)):
            if pair.lost:
                continue
            await self._pass(Disturbance.STALL, direction)
            if self._state.strikes(Disturbance.SLOW, direction):
                if not slowed:
                    self._strike(Disturbance.SLOW)
                slowed = True
                await asyncio.sleep(len(data) / self._state.bytes_per_second)
            sink.write(data)
            await sink.drain()
            self._forwarded[direction] += len(data)
            left = None if left is None else left - len(data)
            if cut is not None and left is not None and left <= 0:
                self._cut(cut, pair)
                return
        if pair.lost and direction is Direction.TO_CLIENT:
            return
        with contextlib.suppress(OSError):
            sink.write_eof()

    def _block(self, left: int | None) -> int:
        size = _BLOCK_BYTES
        if self._state.kind is Disturbance.SLOW:
            size = max(1, int(self._state.bytes_per_second / _SLICES_PER_SECOND))
        return size if left is None else max(1, min(size, left))

    def _cut(self, cut: _State, pair: _Pair) -> None:
        if cut.times is not None and cut.times <= 0:
            return
        cut.times = None if cut.times is None else cut.times - 1
        self._fired[Disturbance.CUT] += 1
        for side in (pair.client, pair.upstream):
            if cut.rst:
                _reset(side)
            else:
                side.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
