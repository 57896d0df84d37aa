"""Brings one message to Slack: at the channel's rate, tried again for a moment, and told apart by what came of it.

What Slack's trouble teaches is kept here: a pause for the channel after a 429 or an outage, so that the next alert is
answered 503 at once instead of waiting for another time-out; and whether Slack refuses us, which ``/readyz`` says.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from meetupkit.errors import MeetupError, SlackRefused, SlackThrottled, SlackUnavailable, TransientError
from meetupkit.limited_log import LimitedLog
from meetupkit.retry import call_policy

from meetup_alert_webhook.delivery.rate import RateLimiter
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.slack.blocks import Message, plainer
from meetup_alert_webhook.slack.client import ChannelRefused, MessageGone, MessageMalformed, Posted, Slack, SlackSilent

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2.0
"""Bridges a reset or a lone 500; with one more time-out the answer still comes within Alertmanager's 10 s."""
OUTAGE_PAUSE_SECONDS: Final = 3.0
"""After an outage one alert in this time finds out whether it is over; the others are answered at once."""
REFUSED_PAUSE_SECONDS: Final = 15.0
"""A revoked token is not given back within seconds."""

T = TypeVar("T")


class Sender:
    """Raises ``SlackUnavailable`` and ``SlackRefused``; thread-safe."""

    def __init__(
        self,
        slack: Slack,
        rate: RateLimiter,
        metrics: Metrics,
        *,
        stopping: threading.Event,
        pause_after_outage: float = OUTAGE_PAUSE_SECONDS,
    ) -> None:
        self._slack = slack
        self._rate = rate
        self._metrics = metrics
        self._stopping = stopping
        self._pause_after_outage = pause_after_outage
        self._refusal: str | None = None
        self._limited = LimitedLog(log)

    @property
    def threads(self) -> bool:
        """Whether messages can be edited and answered."""
        return self._slack.threads

    @property
    def refusal(self) -> str | None:
        """Why Slack refuses us altogether, if it does."""
        return self._refusal

    def post(self, channel: str, message: Message, *, thread: str = "") -> Posted:
        """Post the message; one that Slack finds badly formed is posted as bare text."""
        if paused := self._rate.paused(channel):
            raise SlackUnavailable("Slack is left alone for a while", retry_after=paused)
        try:
            return self._send(channel, lambda: self._slack.post(channel, message, thread=thread))
        except MessageMalformed as error:
            self._limited.error(
                "malformed", "a message was sent as bare text: %s", error, extra={"event": "message_malformed"}
            )
        try:
            return self._send(channel, lambda: self._slack.post(channel, plainer(message), thread=thread))
        except MessageMalformed as error:
            raise SlackRefused(str(error)) from None

    def update(self, channel: str, root: Posted, message: Message) -> bool:
        """Put the message in the place of another; false if that cannot be changed any more."""
        try:
            self._send(channel, lambda: self._slack.update(root, message))
        except (MessageGone, MessageMalformed):
            return False
        return True

    def probe(self) -> bool:
        """Whether Slack is there and knows us, found out without posting; one try."""
        try:
            self._counted(self._slack.probe)
        except SlackThrottled:
            return True  # it is there, and knows us well
        except SlackUnavailable:
            return False
        except SlackRefused as error:
            self._refused(error)
            return False
        self._accepted()
        return True

    def _send(self, channel: str, call: Callable[[], T]) -> T:
        try:
            done = self._tried_again(call)
        except SlackThrottled as error:
            self._rate.pause(channel, error.retry_after or 1.0)
            raise
        except SlackUnavailable as error:
            self._rate.pause(channel, error.retry_after or self._pause_after_outage)
            raise
        except SlackRefused as error:
            self._rate.pause(channel, REFUSED_PAUSE_SECONDS)
            self._refused(error)
            raise
        self._accepted()
        return done

    def _tried_again(self, call: Callable[[], T]) -> T:
        """The call with a few tries; a 429 ends them, whose wait is longer than a request may take, and a time-out."""

        def once() -> T | SlackUnavailable:
            try:
                return self._counted(call)
            except (SlackThrottled, SlackSilent) as error:
                return error

        def on_retry(_error: TransientError, _seconds: float) -> None:
            self._metrics.retries.labels("slack").inc()

        done = call_policy("slack", stopping=self._stopping, seconds=RETRY_SECONDS, on_retry=on_retry)(once)
        if isinstance(done, SlackUnavailable):
            raise done
        return done

    def _counted(self, call: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = "accepted"
        try:
            return call()
        except MeetupError as error:
            result = _result(error)
            raise
        finally:
            self._metrics.slack_requests.labels(result).inc()
            self._metrics.slack_seconds.observe(time.perf_counter() - began)

    def _refused(self, error: SlackRefused) -> None:
        if isinstance(error, ChannelRefused):
            self._limited.error(
                str(error),
                "%s; its alerts are answered 503 until that changes",
                error,
                extra={"event": "channel_refused"},
            )
            return
        if self._refusal != str(error):
            log.error("%s; all alerts are answered 503 until that changes", error, extra={"event": "slack_refused"})
        self._refusal = str(error)
        self._metrics.slack_refused.set(1)

    def _accepted(self) -> None:
        if self._refusal:
            log.warning("Slack takes messages again", extra={"event": "slack_accepts"})
        self._refusal = None
        self._metrics.slack_refused.set(0)


def _result(error: MeetupError) -> str:
    match error:
        case SlackThrottled():
            return "throttled"
        case SlackUnavailable():
            return "unavailable"
        case MessageMalformed():
            return "malformed"
        case MessageGone():
            return "gone"
        case _:
            return "refused"
