"""Just enough of Cloud Storage's JSON API to be written to and read, and faster than any client.

``cloud_storage_stub.py [UPLOAD_MS [ANSWER_MS [whole]]]``. Uploads (multipart, resumable in one piece) honour
``ifGenerationMatch``; reads and lists answer from memory; bodies are kept of cursors only, or of all (``whole``).
The two times are how long an upload and any other answer take, as over a network; ``GET /delay?upload=MS&answer=MS``
changes them. Prints ``{"port": N}``.
"""

import asyncio
import itertools
import json
import re
import sys
import zlib
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_NAME: Final = re.compile(rb'"name": *"((?:[^"\\]|\\.)*)"')
_PAGE: Final = 1000
_GZIP_MAGIC: Final = b"\x1f\x8b"
_generations: Final = itertools.count(1)


class Bucket:
    """Generation and, of a cursor, body of each object."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[int, bytes]] = {}
        self.sessions: dict[str, str] = {}
        self.told: dict[str, dict[str, object]] = {}
        """What is told of an object, where all is kept."""
        self.requests = 0
        self.upload_delay = self.answer_delay = 0.0
        self.whole = False
        self.records = 0
        """Lines of the gzip segments."""


class Connection(asyncio.Protocol):
    """One request after the other; answers in order."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._held = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._held[:end])
            found = self._body(head, end + 4)
            if found is None:
                if b"100-continue" in head and len(self._held) == end + 4:
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body, stop = found
            del self._held[:stop]
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self._answer(method, target, head, body)

    def _body(self, head: bytes, at: int) -> tuple[bytes, int] | None:
        """The body that begins there, and where it ends, if it is whole."""
        if b"chunked" not in head:  # as Python's client sends it
            stop = at + (int(found[1]) if (found := _LENGTH.search(head)) else 0)
            return (bytes(self._held[at:stop]), stop) if len(self._held) >= stop else None
        parts = []  # as Go's client does
        while (line := self._held.find(b"\r\n", at)) >= 0:
            size, at = int(self._held[at:line], 16), line + 2
            if len(self._held) < at + size + 2:
                return None
            parts.append(bytes(self._held[at : at + size]))
            at += size + 2
            if not size:
                return b"".join(parts), at
        return None

    def _answer(self, method: str, target: str, head: bytes, body: bytes) -> None:
        self._bucket.requests += 1
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if parts.path.startswith("/upload/"):
            self._upload(query, head, body)
        elif parts.path.startswith("/stats"):
            self._send(
                200,
                {
                    "objects": len(self._bucket.objects),
                    "records": self._bucket.records,
                    "requests": self._bucket.requests,
                },
            )
        elif parts.path.endswith("/o"):
            self._list(query)
        elif parts.path == "/delay":
            self._bucket.upload_delay = float(query["upload"]) / 1000
            self._bucket.answer_delay = float(query["answer"]) / 1000
            self._send(200, {})
        else:
            self._object(method, unquote(parts.path.rpartition("/o/")[2]), query)

    def _list(self, query: dict[str, str]) -> None:
        prefix, after = query.get("prefix", ""), query.get("pageToken", "")
        first, end = query.get("startOffset", ""), query.get("endOffset", "\U0010ffff")
        names = sorted(
            name for name in self._bucket.objects if name.startswith(prefix) and name > after and first <= name < end
        )
        page = names[: int(query.get("maxResults", _PAGE))]
        more = {"nextPageToken": page[-1]} if len(names) > len(page) else {}
        self._later(
            self._bucket.answer_delay,
            200,
            {"items": [{"name": name, **self._bucket.told.get(name, {})} for name in page], **more},
        )

    def _upload(self, query: dict[str, str], head: bytes, body: bytes) -> None:
        if session := query.get("upload_id"):
            self._store(self._bucket.sessions.pop(session), {}, body)
        elif query.get("uploadType") == "resumable":
            session = str(next(_generations))
            found = _NAME.search(body)
            self._bucket.sessions[session] = found[1].decode() if found else query["name"]
            host = re.search(rb"host: *([^\r]+)", head, re.IGNORECASE)
            where = f"http://{host[1].decode() if host else ''}/upload/storage/v1/b/x/o?upload_id={session}"
            self._send(200, {}, f"Location: {where}\r\n")
        else:
            found = _NAME.search(body, 0, 4096)
            name = query.get("name") or (json.loads(b'"' + found[1] + b'"') if found else "")
            self._store(name, query, body)

    def _store(self, name: str, query: dict[str, str], body: bytes) -> None:
        there = self._bucket.objects.get(name, (0, b""))[0]
        if "ifGenerationMatch" in query and int(query["ifGenerationMatch"]) != there:
            self._send(412, {"error": {"code": 412, "message": "conditionNotMet", "errors": []}})
            return
        generation = next(_generations)
        keep = self._bucket.whole or name.endswith("_cursor")
        kept = body.split(b"\r\n\r\n", 2)[2].rsplit(b"\r\n--", 1)[0] if keep else b""
        self._bucket.objects[name] = generation, kept
        if self._bucket.whole:
            self._bucket.told[name] = {"size": str(len(kept)), **_told(body)}
        if name.endswith(".ndjson.gz"):
            lines = zlib.decompressobj(wbits=31).decompress(body[body.index(_GZIP_MAGIC) :])
            self._bucket.records += lines.rstrip(b"\n").count(b"\n") + 1
        answer = {"kind": "storage#object", "name": name, "bucket": "bench", "generation": str(generation)}
        self._later(self._bucket.upload_delay, 200, answer)

    def _later(self, delay: float, status: int, value: object) -> None:
        if delay:
            asyncio.get_running_loop().call_later(delay, self._send, status, value)
        else:
            self._send(status, value)

    def _object(self, method: str, name: str, query: dict[str, str]) -> None:
        generation, body = self._bucket.objects.get(name, (0, b""))
        if not generation:
            self._send(404, {"error": {"code": 404, "message": "no such object", "errors": []}})
        elif method == "GET" and query.get("alt") == "media":
            self._media(body, f"x-goog-generation: {generation}\r\n")
        else:
            told = self._bucket.told.get(name, {})
            answer = {"name": name, "bucket": "bench", "generation": str(generation), **told}
            self._later(self._bucket.answer_delay, 200, answer)

    def _media(self, body: bytes, more: str) -> None:
        if delay := self._bucket.answer_delay:
            asyncio.get_running_loop().call_later(delay, self._write, 200, "application/octet-stream", body, more)
        else:
            self._write(200, "application/octet-stream", body, more)

    def _send(self, status: int, value: object, more: str = "") -> None:
        self._write(status, "application/json", json.dumps(value).encode(), more)

    def _write(self, status: int, kind: str, body: bytes, more: str = "") -> None:
        head = f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        self._transport.write(head.encode() + body)


def _told(upload: bytes) -> dict[str, object]:
    """Checksum and metadata, as the first part of an upload says."""
    said = json.loads(upload.split(b"\r\n\r\n", 2)[1].split(b"\r\n--", 1)[0])
    return {name: said[name] for name in ("crc32c", "metadata") if name in said}


async def serve(upload_ms: float = 0, answer_ms: float = 0, whole: str = "") -> None:
    """Until it is killed."""
    bucket = Bucket()
    bucket.upload_delay, bucket.answer_delay, bucket.whole = upload_ms / 1000, answer_ms / 1000, bool(whole)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(bucket), "127.0.0.1", 0)
    print(json.dumps({"event": "listening", "port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    upload, answer, whole, *_ = [*sys.argv[1:], *("0", "0", "")[len(sys.argv) - 1 :]]
    asyncio.run(serve(float(upload), float(answer), whole))
