"""Blocking calls of a loop (names that are looked up, credentials that are read) in threads that nobody waits for.

A pool's threads are joined at the end of the process, so that a name server that does not answer, or an exec plug-in
that waits, would hold up SIGTERM for as long as it likes.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(ThreadPoolExecutor):
    """For ``loop.set_default_executor``, which takes nothing but a pool: a thread for each call, left behind."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """At once; there are never more calls than connections that are being made."""
        future: Future[T] = Future()
        call = partial(_settle, future, partial(fn, *args, **kwargs))
        threading.Thread(target=call, name="blocking call", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Waits for nothing."""


def _settle(future: "Future[T]", call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001  (it is raised where the call is awaited)
        future.set_exception(error)
