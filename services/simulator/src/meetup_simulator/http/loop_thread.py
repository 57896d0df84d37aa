"""An asyncio loop in a thread of its own, for servers that a test runs beside itself."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs from ``start`` to ``stop``; ``run`` and ``do`` are for other threads and wait for their results."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def run(self, work: Coroutine[None, None, T]) -> T:
        """The coroutine's value."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def do(self, act: Callable[[], T]) -> T:
        """The function's value, called between two steps of the loop."""

        async def acted() -> T:
            return act()

        return self.run(acted())

    def stop(self) -> None:
        """End what still runs in the loop, such as connections accepted in the last moment, and the loop itself."""
        self.run(_end_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _end_all() -> None:
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # lets the transports close
