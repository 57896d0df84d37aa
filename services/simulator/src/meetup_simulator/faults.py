"""Faults on request: what goes wrong, where, when, how often, and how often it did.

A fault is armed by ``POST /faults`` and counts each time it fires. ``after`` things pass unharmed before it may fire,
and again before each further time; the one it strikes is not among them. What passes depends on where it strikes:
records of a feed (on whichever connection), or whole requests.
"""

import random
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, field, fields
from enum import StrEnum
from types import UnionType
from typing import Any, Final, get_args

from meetupkit.feeds import FEEDS

REST_PATHS: Final = ("/2/members", "/2/groups")
_MOST_BYTES: Final = 64 * 1024 * 1024
"""An oversized line is made in memory; this is sixty times what the services take for a record."""
_MOST_SECONDS: Final = 3600.0


class Kind(StrEnum):
    """What goes wrong; the README has a row for each."""

    REFUSE = "refuse"
    RESET = "reset"
    STALL = "stall"
    CUT = "cut"
    END = "end"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    NOT_JSON = "not_json"
    OVERSIZED = "oversized"
    NOT_UTF8 = "not_utf8"
    LINE = "line"
    STATUS = "status"
    EMPTY = "empty"
    SLOW = "slow"


class Ending(StrEnum):
    """How a cut answer ends."""

    FIN = "fin"
    """The connection closes in an orderly way, though the chunk or Content-Length promised more."""
    RST = "rst"
    """The connection is reset after half of it."""
    END = "end"
    """The HTTP answer is whole, only its text is half a record."""


_IN_STREAM: Final = frozenset(
    {
        Kind.CUT, Kind.END, Kind.DUPLICATE, Kind.REORDER, Kind.NOT_JSON, Kind.OVERSIZED, Kind.NOT_UTF8, Kind.LINE,
    }
)  # fmt: skip
"""On a feed these always strike between two records."""
_EITHER: Final = frozenset({Kind.REFUSE, Kind.RESET, Kind.STALL})
"""On a feed these strike between two records when ``after`` is above 0, else at the request."""
_ON_REST: Final = frozenset(
    {Kind.REFUSE, Kind.RESET, Kind.STALL, Kind.CUT, Kind.NOT_JSON, Kind.STATUS, Kind.EMPTY, Kind.SLOW}
)


class FaultRefused(Exception):
    """What was asked for is no fault; the message says why."""


@dataclass(slots=True)
class Fault:
    """One armed fault. Without ``feed`` and ``path`` it strikes wherever its kind can.

    ``times`` ``None`` means without end. ``probability`` is asked for at each record or request past ``after``.
    """

    kind: Kind
    feed: str | None = None
    path: str | None = None
    times: int | None = 1
    probability: float = 1.0
    after: int = 0
    seconds: float | None = None
    """refuse: how long (1); slow: the delay (1); stall: how long (until the client leaves)."""
    status: int = 429
    code: str | None = None
    """status: "throttled", "blocked", "not_authorized", "bad_request"...; by default what goes with the status."""
    headers: bool = True
    """status: whether X-RateLimit-* are sent with it."""
    retry_after: int | None = None
    """status: the Retry-After header in seconds."""
    ending: Ending = Ending.FIN
    bytes: int = 2 * 1024 * 1024
    """oversized: length of the line."""
    text: str = "null"
    """line: what is sent in between, as it is."""
    id: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)
    passed: int = field(default=0, init=False)

    @property
    def exhausted(self) -> bool:
        """It has fired as often as it was asked to."""
        return self.times is not None and self.fired >= self.times

    def strikes_records(self, feed: str) -> bool:
        """Whether it strikes between two records of the feed."""
        in_stream = self.kind in _IN_STREAM or (self.kind in _EITHER and self.after > 0)
        return in_stream and self.path is None and self.feed in (None, feed)

    def strikes_requests(self, path: str) -> bool:
        """Whether it strikes a request for the path as a whole."""
        if path in REST_PATHS:
            return self.kind in _ON_REST and self.feed is None and self.path in (None, path)
        feed = path.removeprefix("/2/")
        return self.path is None and self.feed in (None, feed) and not self.strikes_records(feed)

    def due(self, dice: random.Random) -> bool:
        """Ask at each record or request; true is counted as fired."""
        if self.exhausted:
            return False
        if self.passed < self.after or dice.random() >= self.probability:
            self.passed += 1
            return False
        self.passed = 0
        self.fired += 1
        return True


class FaultBook:
    """All armed faults, in the order they were armed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._faults: dict[int, Fault] = {}
        self._last_id = 0
        self.armed = False
        """False when nothing can fire, so that the streams need not ask for each record."""

    def arm(self, asked: object) -> Fault:
        """A new fault as asked for in JSON; raises ``FaultRefused``."""
        fault = read_fault(asked)
        self._last_id += 1
        fault.id = self._last_id
        self._faults[fault.id] = fault
        self.armed = True
        return fault

    def clear(self, fault_id: int | None = None) -> bool:
        """Disarm one fault, or all; false if there is none of that id."""
        if fault_id is None:
            self._faults.clear()
        elif self._faults.pop(fault_id, None) is None:
            return False
        self.armed = bool(self._faults)
        return True

    def at_request(self, path: str) -> Fault | None:
        """The fault that strikes this request, if one does."""
        return self._first(fault for fault in self._faults.values() if fault.strikes_requests(path))

    def at_record(self, feed: str) -> Fault | None:
        """The fault that strikes before the next record of the feed, if one does."""
        return self._first(fault for fault in self._faults.values() if fault.strikes_records(feed))

    def _first(self, candidates: Iterator[Fault]) -> Fault | None:
        """The first that is due; all are asked, so that each counts everything that passes."""
        due = None
        for fault in candidates:
            if due is None and fault.due(self._dice):
                due = fault
            elif due is not None and fault.passed < fault.after:
                fault.passed += 1
        return due

    def as_json(self) -> list[dict[str, object]]:
        """Every fault with its counters."""
        return [fault_as_json(fault) for fault in self._faults.values()]


def fault_as_json(fault: Fault) -> dict[str, object]:
    """The fault with its id and counters, without what it leaves to its default."""
    shown = {"id", "kind", "times", "fired"}
    defaults = {item.name: item.default for item in fields(Fault) if item.default is not MISSING}
    pairs = asdict(fault).items()
    return {name: value for name, value in pairs if name in shown or value != defaults.get(name)} | {
        "exhausted": fault.exhausted
    }


def read_fault(asked: object) -> Fault:
    """A fault from its JSON form; raises ``FaultRefused`` naming what is wrong."""
    if not isinstance(asked, dict):
        raise FaultRefused("a fault is a JSON object")
    askable = {item.name: item.type for item in fields(Fault) if item.init}
    if unknown := sorted(set(asked) - set(askable)):
        raise FaultRefused(f"no such field: {', '.join(unknown)}; there are {', '.join(askable)}")
    values = {name: _checked(name, askable[name], value) for name, value in asked.items()}
    if "kind" not in values:
        raise FaultRefused(f"kind is missing; one of {', '.join(Kind)}")
    if "probability" in values and "times" not in values:
        values["times"] = None
    fault = Fault(**values)
    _check_place(fault)
    _check_range(fault)
    return fault


def _checked(name: str, wanted: Any, value: object) -> Any:
    kinds = get_args(wanted) if isinstance(wanted, UnionType) else (wanted,)
    if type(value) in kinds or (value is None and type(None) in kinds):
        return value
    if float in kinds and type(value) is int:
        return float(value)
    for kind in kinds:
        if issubclass(kind, StrEnum) and value in list(kind):
            return kind(str(value))
    raise FaultRefused(f"{name} is not {' or '.join(kind.__name__ for kind in kinds)}")


def _check_place(fault: Fault) -> None:
    if fault.feed is not None and fault.path is not None:
        raise FaultRefused("feed and path are given; a fault strikes one of them")
    if fault.feed is not None and fault.feed not in FEEDS:
        raise FaultRefused(f"feed is none of {', '.join(FEEDS)}")
    if fault.path is not None and fault.path not in REST_PATHS:
        raise FaultRefused(f"path is none of {', '.join(REST_PATHS)}")
    if fault.path is not None and fault.kind not in _ON_REST:
        raise FaultRefused(f"{fault.kind} strikes feeds only")


def _check_range(fault: Fault) -> None:
    if not 0 < fault.probability <= 1:
        raise FaultRefused("probability is not above 0 and at most 1")
    if fault.after < 0 or (fault.times is not None and fault.times < 1):
        raise FaultRefused("after is below 0, or times below 1")
    if fault.seconds is not None and not 0 <= fault.seconds <= _MOST_SECONDS:
        raise FaultRefused(f"seconds is not between 0 and {_MOST_SECONDS:.0f}")
    if not 400 <= fault.status <= 599:
        raise FaultRefused("status is not between 400 and 599")
    if not 64 <= fault.bytes <= _MOST_BYTES:
        raise FaultRefused(f"bytes is not between 64 and {_MOST_BYTES}")
    if "\n" in fault.text:
        raise FaultRefused("text holds a newline; a line is one line")
