"""What the proxies have in common: a port and a thread of their own, before an upstream."""

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self

from meetup_simulator.http.listening import ReservedPort
from meetup_simulator.http.loop_thread import LoopThread

_BUFFER_BYTES: Final = 64 * 1024
"""asyncio's own default."""


class Proxy(ABC):
    """Takes connections to ``host:port`` at its own port, from the beginning of a ``with`` to its end."""

    def __init__(self, host: str, port: int, *, name: str, buffer_bytes: int = _BUFFER_BYTES) -> None:
        self.upstream = (host, port)
        self._buffer_bytes = buffer_bytes
        self._reserved = ReservedPort("127.0.0.1", 0)
        self._thread = LoopThread(name)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port to connect to."""
        return self._reserved.port

    @property
    def url(self) -> str:
        """The proxy as an HTTP address."""
        return f"http://127.0.0.1:{self.port}"

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, which is closed afterwards."""

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.upstream, limit=self._buffer_bytes)

    async def _listen(self) -> None:
        """Nothing is done if it listens."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept, sock=self._reserved.listen(), limit=self._buffer_bytes
            )

    def _close_listener(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._thread.loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also of a task that a stop ended before it began

    async def _stop(self) -> None:
        self._close_listener()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports close

    def __enter__(self) -> Self:
        self._thread.start()
        self._thread.run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.run(self._stop())
        self._thread.stop()
        self._reserved.close()
