"""Asks the API: points are reserved, the batch is sent with a token, the answer is read, field by field.

What a failure means is decided here once: a token is renewed once, a removed field is left out, a batch that fails is
halved until the one at fault is alone. A root field that failed is ``Failed``, never an empty answer.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from meetupkit.errors import MeetupError, UpstreamRefused, UpstreamUnavailable
from meetupkit.http.client import Answer, ExchangeFailed

from meetup_gateway.failpoints import Failpoint, hit
from meetup_gateway.source.batches import BatchSize
from meetup_gateway.source.budget import Budget, Share
from meetup_gateway.source.credentials import Credentials, Exchange
from meetup_gateway.source.documents import alias_of, batch, documents, fields_asked_for
from meetup_gateway.source.replies import PointsGone, QueryRefused, Reply, TokenRefused, read_reply, without_secrets
from meetup_gateway.source.watch import ApiWatch

log = logging.getLogger(__name__)

MAX_BYTES: Final = 16 * 1024 * 1024
"""20 groups with 100 events each, whose descriptions are as long as the longest that was recorded, are 10 MB."""
_JITTER: Final = 0.5
"""Seconds beyond ``resetAt``: the edge of a window is nobody's friend."""

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a root field holds; ``None`` is the API's own null. ``harmed`` are places below it that failed."""

    value: Any
    harmed: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The root field was not answered: nothing is known of it."""

    why: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """There are no points for it now; nothing was sent."""

    seconds: float


Result = Found | Failed | Waiting


class Api:
    """One endpoint. Not for two threads at once, except that ``Budget`` and ``Credentials`` are shared."""

    def __init__(
        self,
        *,
        url: str,
        exchange: Exchange,
        credentials: Credentials,
        budget: Budget,
        watch: ApiWatch,
        now: Callable[[], float],
        seconds: float,
        fixed_batch: bool = False,
        jitter: Callable[[], float] = lambda: _JITTER,
    ) -> None:
        self._url = url
        self._exchange = exchange
        self._credentials = credentials
        self._budget = budget
        self.watch = watch
        self._now = now
        self._seconds = seconds
        self._fixed_batch = fixed_batch
        self._batches = BatchSize()
        self._jitter = jitter

    def batch_size(self, share: Share) -> int:
        """How many root fields a request should have."""
        return min(self._batches.size, self._budget.most_roots(share))

    def fitting(self, share: Share) -> int:
        """How many root fields can be asked for now: what is left of the window is used, not waited for."""
        return min(self.batch_size(share), self._budget.roots_that_fit(share, self._now()))

    def ask(self, shape: str, asked: Sequence[Mapping[str, Any]], share: Share) -> list[Result]:
        """A result for each set of variables; raises ``UpstreamRefused`` when the API will have none of it.

        ``UpstreamUnavailable`` and a refusal for want of points are results too: ``Failed`` and ``Waiting``.
        """
        results: list[Result] = []
        start = 0
        while start < len(asked):
            some = asked[start : start + (len(asked) if self._fixed_batch else self.fitting(share))]
            answered = self.ask_together(shape, some, share)
            results += answered
            start += len(some)
            if answered and isinstance(answered[-1], Waiting):
                results += [answered[-1]] * (len(asked) - start)
                break
        return results

    def ask_together(self, shape: str, asked: Sequence[Mapping[str, Any]], share: Share) -> list[Result]:
        """As ``ask``, by one request when there are points for all: the results are of the same moment."""
        wait = self._budget.reserve(len(asked), share, self._now())
        if wait > 0:
            return [Waiting(wait)] * len(asked)
        try:
            reply = self._query(shape, asked)
        except PointsGone as error:
            self._limited(error.limit.seconds, error.limit.consumed)
            return [Waiting(error.limit.seconds)] * len(asked)
        except UpstreamRefused as error:
            self.watch.refused(str(error))
            raise
        except UpstreamUnavailable as error:
            self.watch.unavailable(str(error))
            self._batches.failed()
            self._budget.pause(error.retry_after or 0.0, self._now())
            return [Failed(str(error))] * len(asked)
        self.watch.answered(reply.skew)
        return self._results(reply, len(asked))

    def _results(self, reply: Reply, roots: int) -> list[Result]:
        results = list(_by_root(reply, roots))
        if reply.limit is not None:
            self._limited(reply.limit.seconds, reply.limit.consumed)
            results = [Waiting(reply.limit.seconds) if isinstance(each, Failed) else each for each in results]
        if any(not isinstance(each, Found) or each.harmed for each in results):
            self.watch.partial()
            self._batches.failed()
        else:
            self._batches.succeeded(roots)
        return results

    def _limited(self, seconds: float, consumed: float | None) -> None:
        self._budget.refused(seconds + self._jitter(), consumed, self._now())
        self.watch.limited(consumed, seconds)

    def _query(self, shape: str, asked: Sequence[Mapping[str, Any]]) -> Reply:
        """One answer; a token that is not accepted is renewed once, a field that is not known is left out."""
        renewed = False
        while True:
            token = self._token()
            try:
                reply = self._send(shape, asked, token)
            except TokenRefused as error:
                self._credentials.refused(token)
                if renewed:
                    raise UpstreamRefused(
                        f"Meetup refuses a new token ({error}): the Pro subscription has lapsed, or the key is revoked"
                    ) from None
                renewed = True
            except QueryRefused as error:
                if not self._leave_out(error):
                    raise
            else:
                return reply

    def _token(self) -> str:
        try:
            return self._credentials.token()
        except MeetupError as error:
            if isinstance(error, UpstreamRefused):
                self.watch.refused(str(error))
            raise

    def _send(self, shape: str, asked: Sequence[Mapping[str, Any]], token: str) -> Reply:
        text, variables = batch(shape, asked, self.watch.removed)
        body = json.dumps({"query": text, "variables": variables}).encode()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Language": "en-US",  # names of topics are localised
        }
        answer = self._exchanged(body, headers)
        hit(Failpoint.ANSWER_READ)
        try:
            return read_reply(answer.status, answer.headers, answer.body, self._now())
        except MeetupError:  # once more, for its text
            return read_reply(answer.status, answer.headers, without_secrets(answer.body, [token]), self._now())

    def _exchanged(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            return self._exchange(
                "POST", self._url, seconds=self._seconds, max_bytes=MAX_BYTES, headers=headers, data=body
            )
        except ExchangeFailed as error:
            raise UpstreamUnavailable(str(error)) from None

    def _leave_out(self, error: QueryRefused) -> bool:
        """Whether there is a query without the fields that the API does not know (any more)."""
        new = (error.undefined & fields_asked_for()) - self.watch.removed
        if not new:
            return False
        self.watch.leave_out(new)
        return True


def root_of(shape: str) -> str:
    """The root field that a shape asks."""
    return documents()[shape].field


def _by_root(reply: Reply, roots: int) -> Iterator[Result]:
    """A place that names none of our aliases (the field's own name, say) may be any of them."""
    aliases = [alias_of(index) for index in range(roots)]
    everywhere = any(not place or place[0] not in aliases for place in reply.harmed)
    for alias in aliases:
        places = [place[1:] for place in reply.harmed if place and place[0] == alias]
        value = reply.data.get(alias)
        if value is None and (places or everywhere or alias not in reply.data):
            yield Failed("the field was answered with an error")
        elif not isinstance(value, dict | None):
            yield Failed("the field was answered with what is no object")
        else:
            yield Found(value, tuple(place for place in (*places, *([()] if everywhere else []))))
