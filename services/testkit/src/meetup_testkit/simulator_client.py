"""The simulator's admin pages in the verbs of a test."""

from typing import Any, Final, TypedDict, Unpack

import requests
from meetup_simulator.faults import Ending, Kind

from meetup_testkit.child_process import WAIT_SECONDS, until

_CALL_SECONDS: Final = 60.0


class Where(TypedDict, total=False):
    """Where and when a fault strikes; the README explains each."""

    feed: str
    path: str
    times: int | None
    probability: float
    after: int


class ArmedFault:
    """One fault in the running simulator."""

    def __init__(self, client: "SimulatorClient", fault_id: int) -> None:
        self._client = client
        self.id = fault_id

    @property
    def fired(self) -> int:
        """How often it has fired; raises ``LookupError`` once it is disarmed."""
        for fault in self._client.get_json("/faults")["faults"]:
            if fault["id"] == self.id:
                return int(fault["fired"])
        raise LookupError(f"fault {self.id} is not armed any more")

    def wait_until_fired(self, times: int = 1, seconds: float = WAIT_SECONDS) -> None:
        """Return when it has fired so often; raises ``TimeoutError``."""
        until(lambda: self.fired >= times, f"fault {self.id} to fire {times} times", seconds)

    def disarm(self) -> None:
        """It does not fire any more."""
        self._client.call("DELETE", f"/faults/{self.id}")


class Faults:
    """Arms faults, by their names."""

    def __init__(self, client: "SimulatorClient") -> None:
        self._client = client

    def arm(self, kind: Kind, **fields: object) -> ArmedFault:
        """A fault with the fields of ``POST /faults``."""
        return ArmedFault(self._client, int(self._client.call("POST", "/faults", {"kind": kind} | fields)["id"]))

    def clear(self) -> None:
        """Disarm all, and listen again if the port was closed."""
        self._client.call("DELETE", "/faults")

    def refuse(self, seconds: float = 1.0, **where: Unpack[Where]) -> ArmedFault:
        """The port refuses connections for a while: at once, or, with a place, when it strikes there."""
        return self.arm(Kind.REFUSE, seconds=seconds, **where)

    def reset(self, **where: Unpack[Where]) -> ArmedFault:
        """The connection is reset."""
        return self.arm(Kind.RESET, **where)

    def stall(self, seconds: float | None = None, **where: Unpack[Where]) -> ArmedFault:
        """The connection stays open and silent, for so many seconds or until the client leaves."""
        return self.arm(Kind.STALL, seconds=seconds, **where)

    def cut(self, ending: Ending = Ending.FIN, **where: Unpack[Where]) -> ArmedFault:
        """The connection ends after half a record, or half an answer."""
        return self.arm(Kind.CUT, ending=ending, **where)

    def end(self, **where: Unpack[Where]) -> ArmedFault:
        """The stream ends between two records, in an orderly way."""
        return self.arm(Kind.END, **where)

    def duplicate(self, **where: Unpack[Where]) -> ArmedFault:
        """A record is sent twice."""
        return self.arm(Kind.DUPLICATE, **where)

    def reorder(self, **where: Unpack[Where]) -> ArmedFault:
        """A record is sent after the one that follows it."""
        return self.arm(Kind.REORDER, **where)

    def not_json(self, **where: Unpack[Where]) -> ArmedFault:
        """A line that is not JSON comes in between; on the REST API an answer in HTML."""
        return self.arm(Kind.NOT_JSON, **where)

    def oversized(self, length: int = 2 * 1024 * 1024, **where: Unpack[Where]) -> ArmedFault:
        """A line of so many bytes comes in between."""
        return self.arm(Kind.OVERSIZED, bytes=length, **where)

    def not_utf8(self, **where: Unpack[Where]) -> ArmedFault:
        """A line that is not UTF-8 comes in between."""
        return self.arm(Kind.NOT_UTF8, **where)

    def line(self, text: str, **where: Unpack[Where]) -> ArmedFault:
        """This line comes in between."""
        return self.arm(Kind.LINE, text=text, **where)

    def throttle(
        self, *, headers: bool = True, retry_after: int | None = None, status: int = 429, **where: Unpack[Where]
    ) -> ArmedFault:
        """The answer says "throttled", with or without X-RateLimit-* and Retry-After."""
        fields = {"status": status, "code": "throttled", "headers": headers, "retry_after": retry_after}
        return self.arm(Kind.STATUS, **fields, **where)

    def status(self, status: int, *, retry_after: int | None = None, **where: Unpack[Where]) -> ArmedFault:
        """The answer has this status and the body that goes with it."""
        return self.arm(Kind.STATUS, status=status, retry_after=retry_after, **where)

    def empty(self, **where: Unpack[Where]) -> ArmedFault:
        """The answer is 200 with no body."""
        return self.arm(Kind.EMPTY, **where)

    def slow(self, seconds: float, **where: Unpack[Where]) -> ArmedFault:
        """The answer comes so many seconds later."""
        return self.arm(Kind.SLOW, seconds=seconds, **where)


class SimulatorClient:
    """A running simulator. Its one connection stays open, so it is heard even while the port refuses others."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.faults = Faults(self)
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment has no business on loopback

    def stream_url(self, feed: str) -> str:
        """Where a feed is read; open_venues with ``?trickle``, as the services read it."""
        return f"{self.base_url}/2/{feed}" + ("?trickle" if feed == "open_venues" else "")

    def published(self, feed: str) -> list[bytes]:
        """Every line the feed has published, in order, without newlines."""
        response = self._session.get(f"{self.base_url}/published", params={"feed": feed}, timeout=_CALL_SECONDS)
        response.raise_for_status()
        return response.content.split(b"\n")[:-1]

    def asked(self, kind: str) -> dict[int, int]:
        """How often each id was asked for; ``kind`` is members or groups."""
        response = self._session.get(f"{self.base_url}/asked", params={"kind": kind}, timeout=_CALL_SECONDS)
        response.raise_for_status()
        rows = (line.removeprefix(b'{"id":').rstrip(b"}") for line in response.content.splitlines())
        return {int(number): int(times) for number, times in (row.split(b',"times":') for row in rows)}

    def stats(self) -> dict[str, Any]:
        """``/stats``, as the README describes it."""
        return self.get_json("/stats")

    def end(self) -> None:
        """No feed publishes anything more."""
        self.call("POST", "/end")

    def get_json(self, path: str) -> dict[str, Any]:
        """An admin page."""
        return self.call("GET", path)

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One admin call; raises ``ValueError`` with what the simulator says against it."""
        response = self._session.request(method, self.base_url + path, json=body, timeout=_CALL_SECONDS)
        answer: dict[str, Any] = response.json()
        if not response.ok:
            raise ValueError(answer.get("error", f"{method} {path}: {response.status_code}"))
        return answer

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()
