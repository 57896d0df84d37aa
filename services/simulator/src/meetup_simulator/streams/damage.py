"""Sends records as chunks, and does to them what the armed faults ask for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from meetup_simulator.faults import Ending, Fault, FaultBook, Kind
from meetup_simulator.http.server import Connection

LAST_CHUNK = b"0\r\n\r\n"


def chunk(text: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(text), text)


def record_chunks(lines: list[bytes]) -> bytes:
    """One chunk for each record, its newline in it."""
    return b"".join([b"%x\r\n%b\n\r\n" % (len(line) + 1, line) for line in lines])


def bad_line(fault: Fault) -> bytes:
    """A line that is no record, a different one each time."""
    match fault.kind:
        case Kind.NOT_JSON:
            return b'{"fault":"not JSON","number":%d,' % fault.fired
        case Kind.NOT_UTF8:
            return b'{"fault":"not UTF-8: \xff\xfe\xc3","number":%d}' % fault.fired
        case Kind.OVERSIZED:
            start, end = b'{"fault":"oversized","number":%d,"padding":"' % fault.fired, b'"}'
            return start + b"x" * (fault.bytes - len(start) - len(end)) + end
        case _:
            return fault.text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Damage:
    """What may strike one connection of a feed.

    ``refuse`` closes the server's port for some seconds; ``leave`` tells the timeline not to wait for this reader.
    """

    feed: str
    faults: FaultBook
    refuse: Callable[[float | None], None]
    leave: Callable[[], None]


class Conversation:
    """The body of one stream answer."""

    def __init__(self, connection: Connection, damage: Damage) -> None:
        self._connection = connection
        self._damage = damage
        self._held: bytes | None = None
        """A record whose turn comes after the next one."""
        self._out: list[bytes] = []

    async def send(self, lines: list[bytes]) -> bool:
        """Send records; false when a fault has ended the connection."""
        if not self._damage.faults.armed and self._held is None:
            await self._connection.send(record_chunks(lines))
            return True
        for line in lines:
            fault = self._damage.faults.at_record(self._damage.feed)
            if fault is not None and not await self._strike(fault, line):
                return False
            if fault is None or fault.kind is not Kind.REORDER:
                self._put(line)
        await self._flush()
        return True

    async def rest(self) -> None:
        """Nothing more will be published: stay open and silent."""
        if self._held is not None:
            self._out.append(self._held)
            self._held = None
            await self._flush()
        await asyncio.Event().wait()

    async def stall(self, fault: Fault) -> None:
        """Say nothing for as long as the fault asks for."""
        await self._flush()
        if fault.seconds is None:
            self._damage.leave()
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(fault.seconds)

    def _put(self, line: bytes) -> None:
        self._out.append(line)
        if self._held is not None:
            self._out.append(self._held)
            self._held = None

    async def _flush(self) -> None:
        if self._out:
            await self._connection.send(record_chunks(self._out))
            self._out = []

    async def _strike(self, fault: Fault, line: bytes) -> bool:
        """Do the fault before (or to) the line; false when that ends the connection."""
        match fault.kind:
            case Kind.DUPLICATE:
                self._out.append(line)
            case Kind.REORDER:
                self._hold(line)
            case Kind.NOT_JSON | Kind.NOT_UTF8 | Kind.OVERSIZED | Kind.LINE:
                self._out.append(bad_line(fault))
            case Kind.STALL:
                await self.stall(fault)
            case _:
                await self._flush()
                await self._end(fault, line)
                return False
        return True

    def _hold(self, line: bytes) -> None:
        if self._held is not None:
            self._out.append(self._held)
        self._held = line

    async def _end(self, fault: Fault, line: bytes) -> None:
        half = line[: len(line) // 2]
        whole_chunk = chunk(line + b"\n")
        match fault.kind, fault.ending:
            case Kind.END, _:
                await self._connection.send(LAST_CHUNK)
            case Kind.CUT, Ending.END:
                await self._connection.send(chunk(half) + LAST_CHUNK)
            case Kind.CUT, ending:
                await self._connection.send(whole_chunk[: len(whole_chunk) // 2])
                if ending is Ending.RST:
                    self._connection.reset()
            case Kind.REFUSE, _:
                self._damage.refuse(fault.seconds)
                self._connection.reset()
            case _:
                self._connection.reset()
