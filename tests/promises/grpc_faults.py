"""A gRPC server before another one that hands every call on, or answers a share of them with a status.

Firestore's emulator cannot be told to fail, and a proxy of bytes cannot put a status into HTTP/2.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Self

import grpc

_THREADS: Final = 16
"""Calls at once: those of two workers, some requests and a look at the queues."""


class GrpcFaultProxy(grpc.GenericRpcHandler):  # type: ignore[misc]  # gRPC has no types
    """Forwards unary requests and their answers, one message or many, to loopback's port; ``self.port`` is its own."""

    def __init__(self, port: int) -> None:
        self._upstream = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._server = grpc.server(ThreadPoolExecutor(_THREADS), handlers=[self])
        self.port: int = self._server.add_insecure_port("127.0.0.1:0")
        self._fault: tuple[tuple[grpc.StatusCode, ...], str, int] | None = None
        self._asked = 0
        self.fired = 0
        """How many calls it has answered itself."""

    def answer(self, *codes: grpc.StatusCode, detail: str = "a fault was asked for", every: int = 1) -> None:
        """Answer each ``every``-th call from now on in the upstream's place: with these statuses in turn."""
        self._fault, self._asked = (codes, detail, every), 0

    def heal(self) -> None:
        """Forward every call."""
        self._fault = None

    def service(self, details: Any) -> Any:
        """gRPC asks here who answers a call; bytes are not read, so one kind of answer does for all."""

        def forward(request: bytes, context: Any) -> Iterator[bytes]:
            self._maybe_fail(context)
            call = self._upstream.unary_stream(details.method)
            metadata = [pair for pair in context.invocation_metadata() if not pair[0].startswith("user-agent")]
            try:
                yield from call(request, timeout=context.time_remaining(), metadata=metadata)
            except grpc.RpcError as error:
                _end(context, error)

        return grpc.unary_stream_rpc_method_handler(forward)

    def _maybe_fail(self, context: Any) -> None:
        if self._fault is None:
            return
        codes, detail, every = self._fault
        turn, rest = divmod(self._asked, every)
        self._asked += 1
        if not rest:
            self.fired += 1
            context.abort(codes[turn % len(codes)], detail)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop(None).wait()
        self._upstream.close()


def _end(context: Any, error: Any) -> None:
    """As the upstream ended it, details in the trailers included."""
    context.set_trailing_metadata(error.trailing_metadata() or ())
    context.abort(error.code(), error.details())
