"""Fixture ``slack``: stand-ins for Slack in threads of the test's process, whose messages a test reads directly."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import Any, Protocol, Self

import pytest
from meetup_simulator.slack.app import DEVELOPMENT_TOKEN, SlackApp
from meetup_simulator.slack.workspace import DEFAULT_CHANNELS, Fault, Posted, Workspace

from meetup_testkit.child_process import WAIT_SECONDS


class SlackStandIn:
    """A running stand-in. It can be stopped, as if Slack were down, and started again on the same port."""

    def __init__(
        self, channels: tuple[str, ...] = DEFAULT_CHANNELS, *, seconds_per_message: float = 0.0, burst: int = 3
    ) -> None:
        self.workspace = Workspace(channels, seconds_per_message=seconds_per_message, burst=burst)
        self._app = SlackApp(self.workspace)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="slack-stand-in", daemon=True)
        self.token = DEVELOPMENT_TOKEN
        self.channel = channels[0]
        """The default channel."""

    @property
    def url(self) -> str:
        return self._app.url

    @property
    def api_url(self) -> str:
        return self._app.api_url

    @property
    def webhook_url(self) -> str:
        """The incoming webhook of the default channel."""
        return self._app.webhook_url(self.channel)

    def webhook_url_of(self, channel: str) -> str:
        """The incoming webhook of any channel."""
        return self._app.webhook_url(channel)

    def start(self) -> None:
        """Listen."""
        self._do(self._app.start())

    def stop(self) -> None:
        """End every connection and refuse new ones."""
        self._do(self._app.stop())

    def fail(self, fault: str, times: int | None = None, *, retry_after: int = 1) -> None:
        """The next ``times`` messages, or all until ``recover``, meet this fault."""
        self.workspace.ask_fault(Fault(fault), times, retry_after=retry_after)

    def recover(self) -> None:
        """Everything works again."""
        self.workspace.forget_faults()

    def messages(self, channel: str = "") -> list[Posted]:
        """What was posted, oldest first."""
        return self.workspace.messages(channel)

    def count(self, what: str) -> int:
        """Requests that ended so: ``posted``, ``updated``, or Slack's word for the refusal."""
        return self.workspace.counts.get(what, 0)

    def wait_until(self, condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
        """Return when the condition is true; fail the test if it does not come true."""
        if not self.workspace.wait_until(condition, seconds):
            shown = "\n".join(posted.text.partition("\n")[0] for posted in self.messages()[-20:])
            pytest.fail(f"not within {seconds} s; {self.workspace.counts}, the last messages:\n{shown}")

    def wait_for_text(self, *texts: str) -> Posted:
        """The first message that holds all of the texts, as soon as there is one."""

        def found() -> list[Posted]:
            return [posted for posted in self.messages() if all(text in posted.text for text in texts)]

        self.wait_until(lambda: bool(found()))
        return found()[0]

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._app.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=WAIT_SECONDS)


class StartSlack(Protocol):
    """Starts a stand-in for Slack on a free port."""

    def __call__(
        self, *, channels: tuple[str, ...] = DEFAULT_CHANNELS, seconds_per_message: float = 0.0, burst: int = 3
    ) -> SlackStandIn:
        """Return when it listens; its pace is off unless one is given."""


@pytest.fixture
def start_slack() -> Iterator[StartSlack]:
    """A factory; every stand-in it started is stopped at the end of the test."""
    with ExitStack() as running:

        def start(
            *, channels: tuple[str, ...] = DEFAULT_CHANNELS, seconds_per_message: float = 0.0, burst: int = 3
        ) -> SlackStandIn:
            return running.enter_context(SlackStandIn(channels, seconds_per_message=seconds_per_message, burst=burst))

        yield start


@pytest.fixture
def slack(start_slack: StartSlack) -> SlackStandIn:
    """A stand-in without a pace."""
    return start_slack()
