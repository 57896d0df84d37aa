"""Imports a service once and runs its command in forked children: hundreds of starts cost the imports of one.

    prefork.py SOCKET MODULE [ARGUMENT ...]

Each line on the socket is an order: ``environ``, ``log``, and, if wanted, ``signal``, which the child sends to itself
when its main thread comes to a line of ours that it has not run before, the ``line``-th of them, or ``count``, a file
that gets how many lines there were. Answered are the child's ``pid`` and, when it has ended, its ``code``.
"""

import atexit
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

_OURS: Final = str(Path(__file__).parents[2] / "services")
LAZY: Final = {"meetup_insight": ("meetup_insight.commands", "meetup_insight.serving.serve")}
"""What a command imports when it is chosen."""


def serve(path: str, module: str, arguments: list[str]) -> None:
    """Fork a child for every order; return in the child, or when the other side has hung up."""
    command = importlib.import_module(f"{module}.__main__").main
    for name in LAZY.get(module, ()):
        importlib.import_module(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    connection, _ = listener.accept()
    with listener, connection, connection.makefile("rw") as orders:
        order = next((order for order in map(json.loads, orders) if _is_child(orders)), None)
    if order:
        sys.argv = [module, *arguments]
        _become(command, order)


def _is_child(orders: Any) -> bool:
    """Fork: true in the child; in the parent false, when the child has ended."""
    pid = os.fork()
    if pid:
        _say(orders, pid=pid)
        _say(orders, code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return not pid


def _say(orders: Any, **what: int) -> None:
    orders.write(json.dumps(what) + "\n")
    orders.flush()


def _become(command: Callable[[], object], order: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
    os.environ.clear()
    os.environ.update(order["environ"])
    log = os.open(order["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    if "signal" in order or "count" in order:
        lines = Lines(order.get("signal", 0), order.get("line", -1))
        if "count" in order:
            atexit.register(lambda: Path(order["count"]).write_text(str(len(lines.seen))))
        sys.settrace(lines)
    command()


class Lines:
    """A trace function: the main thread's lines of ours, and the signal at one of them."""

    def __init__(self, number: int, at: int) -> None:
        self.seen: set[tuple[str, int]] = set()
        self._number = number
        self._at = at

    def __call__(self, frame: FrameType, event: str, argument: object) -> "Lines | None":
        """Follow a function if it is ours."""
        file = frame.f_code.co_filename
        if not file.startswith(_OURS):
            return None
        place = (file, frame.f_lineno)
        if event == "line" and place not in self.seen:
            if len(self.seen) == self._at:
                self._send(f"{file}:{frame.f_lineno}")
            self.seen.add(place)
        return self

    def _send(self, where: str) -> None:
        unhandled = (signal.SIG_DFL, signal.default_int_handler)
        handled = all(signal.getsignal(number) not in unhandled for number in (signal.SIGTERM, signal.SIGINT))
        told = {"event": "signalled", "where": where, "handled": handled}
        os.write(2, json.dumps(told).encode() + b"\n")
        os.kill(os.getpid(), self._number)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], sys.argv[3:])
