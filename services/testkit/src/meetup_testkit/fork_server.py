"""Imports a service's command once and runs it in forked children: ``fork_server DESCRIPTOR MODULE``.

The descriptor is one end of a pair of sockets. An order on it is what a child differs in and what else it ``imports``,
as JSON, with two descriptors: of the file that gets what the child writes, and of a socket that gets its ``pid`` and,
when it has ended, its ``code``. When the other side has hung up, the server ends; its children go on, as a program's
do.
"""

import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from typing import Any, Final

ORDER_BYTES: Final = 128 * 1024
"""An environment and some flags are a few kB; a socket's buffer takes no more than this as one message."""


def serve(orders: socket.socket, module: str) -> dict[str, Any] | None:
    """Fork a child for every order; returns the order in the child, and nothing when no more can come."""
    importlib.import_module(f"{module}.__main__")
    del sys.modules[f"{module}.__main__"]  # each child runs it as its main module, as ``python -m`` does
    with selectors.DefaultSelector() as waiting, orders:
        waiting.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not orders:
                    _tell_end(waiting, key)
                elif not (order := _received(orders)):
                    return None
                elif _is_child(waiting, order):
                    return order


def _received(orders: socket.socket) -> dict[str, Any]:
    text, descriptors, *_ = socket.recv_fds(orders, ORDER_BYTES, 2)
    if not text:
        return {}
    order: dict[str, Any] = json.loads(text)
    for module in order["imports"]:
        importlib.import_module(module)
    return order | {"descriptors": descriptors}


def _is_child(waiting: selectors.BaseSelector, order: dict[str, Any]) -> bool:
    """Fork: true in the child; in the parent false, and the child is waited for."""
    log, answers = order["descriptors"]
    pid = os.fork()
    if pid:
        os.close(log)
        teller = socket.socket(fileno=answers)
        _say(teller, pid=pid)
        waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, teller))
        return False
    for key in list(waiting.get_map().values()):
        if key.data:
            os.close(key.fd)
            key.data[1].close()
    os.close(answers)
    return True


def _tell_end(waiting: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, teller = key.data
    waiting.unregister(key.fileobj)
    os.close(key.fd)
    with teller:
        _say(teller, code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _say(teller: socket.socket, **what: int) -> None:
    try:
        teller.send(json.dumps(what).encode())
    except OSError:  # nobody wants to know any more
        return


def become(module: str, order: dict[str, Any]) -> None:
    """Be ``python -m MODULE``, with this environment, folder and log, and these arguments."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["folder"])
    log = order["descriptors"][0]
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    sys.argv = [module, *order["arguments"]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if given := serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2]):
        become(sys.argv[2], given)
