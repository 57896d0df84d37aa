"""What the stand-in for Slack remembers: channels, messages, their pace, and the faults that were asked for. No I/O.

Thread-safe, because tests look at it while the server serves.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from meetup_simulator.slack.limits import error_of

DEFAULT_CHANNELS: Final = ("#meetup-alerts", "#meetup-oncall", "#meetup-rsvps")
_MAX_MESSAGES: Final = 20_000
"""More than a day's worth at Slack's own pace; the oldest are forgotten."""


class Fault(StrEnum):
    """What Slack may do instead of taking a message."""

    THROTTLE = "throttle"
    """429 with Retry-After."""
    SERVER_ERROR = "server_error"
    """500."""
    HANG = "hang"
    """Takes the request, and never answers."""
    RESET = "reset"
    """Ends the connection with RST before the message is taken."""
    ACCEPT_THEN_RESET = "accept_then_reset"
    """Takes the message, and ends the connection before it says so."""
    NO_SERVICE = "no_service"
    """404: the incoming webhook was revoked."""
    INVALID_AUTH = "invalid_auth"
    """The bot token was revoked."""
    CHANNEL_NOT_FOUND = "channel_not_found"
    INVALID_BLOCKS = "invalid_blocks"


@dataclass(slots=True)
class AskedFault:
    """A fault for the next ``left`` messages, or until it is taken back."""

    fault: Fault
    left: int | None
    retry_after: int = 1


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as the channel shows it. ``at`` and ``edits`` are in Unix seconds."""

    channel: str
    ts: str
    message: Mapping[str, Any]
    at: float
    thread: str = ""
    edits: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """Everything there is to read in the message, in its order."""
        return "\n".join([str(self.message.get("text", "")), *self.sections])

    @property
    def sections(self) -> tuple[str, ...]:
        """The texts of its blocks."""
        blocks = list(self.message.get("blocks", []))
        for attachment in self.message.get("attachments", []):
            blocks += attachment.get("blocks", [])
        found: list[str] = []
        for block in blocks:
            texts = [block["text"]] if "text" in block else block.get("elements", [])
            found += [text["text"] for text in texts]
        return tuple(found)

    @property
    def colour(self) -> str:
        """The bar at its left."""
        return next((str(each.get("color", "")) for each in self.message.get("attachments", [])), "")


class SlackError(Exception):
    """Slack's word for why it did not take a message."""

    def __init__(self, word: str, *, retry_after: int = 0) -> None:
        super().__init__(word)
        self.word = word
        self.retry_after = retry_after


@dataclass(slots=True)
class _Channel:
    """``tokens`` is how many messages may come at once now."""

    tokens: float
    counted_at: float
    messages: list[Posted] = field(default_factory=list)


class Workspace:
    """Channels that exist, and what was posted in them.

    One message in ``seconds_per_message`` is taken in each channel, with ``burst`` at once after a pause, as Slack has
    it; 0 takes all.
    """

    def __init__(
        self,
        channels: tuple[str, ...] = DEFAULT_CHANNELS,
        *,
        seconds_per_message: float = 1.0,
        burst: int = 3,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._gap = seconds_per_message
        self._burst = burst
        self._lock = threading.Condition()
        self._channels = {name: _Channel(burst, clock()) for name in channels}
        self._faults: list[AskedFault] = []
        self._last_ts = 0.0
        self.counts: dict[str, int] = {}
        """Requests by what came of them: ``posted``, ``updated``, or Slack's word for the refusal."""

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self._channels)

    def messages(self, channel: str = "") -> list[Posted]:
        """What was posted, oldest first, in one channel or in all."""
        with self._lock:
            found = [each for name, there in self._channels.items() if channel in ("", name) for each in there.messages]
        return sorted(found, key=lambda posted: posted.ts)

    def post(self, channel: str, message: Mapping[str, Any], *, thread: str = "") -> Posted:
        """Take the message; raises ``SlackError``."""
        with self._lock:
            there = self._channels.get(channel)
            if there is None:
                raise SlackError("channel_not_found")
            if word := error_of(message):
                raise SlackError(word)
            self._take_turn(there)
            if thread and not any(each.ts == thread for each in there.messages):
                raise SlackError("thread_not_found")
            posted = Posted(channel, self._new_ts(), dict(message), self._clock(), thread)
            there.messages.append(posted)
            del there.messages[:-_MAX_MESSAGES]
            self._lock.notify_all()
            return posted

    def update(self, channel: str, ts: str, message: Mapping[str, Any]) -> Posted:
        """Put the message in the place of another; raises ``SlackError``. Edits have a wide pace of their own."""
        with self._lock:
            there = self._channels.get(channel)
            if there is None:
                raise SlackError("channel_not_found")
            if word := error_of(message):
                raise SlackError(word)
            for at, posted in enumerate(there.messages):
                if posted.ts == ts:
                    changed = replace(posted, message=dict(message), edits=(*posted.edits, self._clock()))
                    there.messages[at] = changed
                    self._lock.notify_all()
                    return changed
            raise SlackError("message_not_found")

    def ask_fault(self, fault: Fault, times: int | None = None, *, retry_after: int = 1) -> None:
        """From now on, for the next ``times`` messages or until ``forget_faults``."""
        with self._lock:
            self._faults.append(AskedFault(fault, times, retry_after))

    def forget_faults(self) -> None:
        """Everything works again."""
        with self._lock:
            self._faults.clear()

    def next_fault(self) -> AskedFault | None:
        """The fault for the message that has come, counted down."""
        with self._lock:
            if not self._faults:
                return None
            asked = self._faults[0]
            if asked.left is not None:
                asked.left -= 1
                if asked.left <= 0:
                    del self._faults[0]
            return asked

    def count(self, what: str) -> None:
        """One more request that ended so."""
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + 1
            self._lock.notify_all()

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came true in time; looked at after every change."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._lock:
                self._lock.wait(min(left, 0.05))
        return True

    def _take_turn(self, there: _Channel) -> None:
        if not self._gap:
            return
        now = self._clock()
        there.tokens = min(self._burst, there.tokens + (now - there.counted_at) / self._gap)
        there.counted_at = now
        if there.tokens < 1:
            raise SlackError("ratelimited", retry_after=max(1, round((1 - there.tokens) * self._gap)))
        there.tokens -= 1

    def _new_ts(self) -> str:
        """Unix time with microseconds, as Slack's; no two are equal."""
        self._last_ts = max(self._clock(), self._last_ts + 1e-6)
        return f"{self._last_ts:.6f}"
