"""The webhook before a stand-in for Slack, with its state in a file of the test's own."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from meetup_testkit.slack_plugin import SlackStandIn
from meetupkit.stores import open_documents
from meetupkit.stores.documents import DocumentStore

sys.path.insert(0, str(Path(__file__).parent))
from webhook_running import InProcess, WebhookProcess, environ


class StartWebhook(Protocol):
    """Starts a replica of the service; replicas of one test share their state."""

    def __call__(self, slack: SlackStandIn, **changes: str) -> InProcess: ...


class StartProcess(Protocol):
    """Starts the command."""

    def __call__(self, slack: SlackStandIn, **changes: str) -> WebhookProcess: ...


@pytest.fixture
def start_webhook(tmp_path: Path) -> Iterator[StartWebhook]:
    """A factory; everything it started is stopped at the end of the test."""
    with ExitStack() as running:

        def start(slack: SlackStandIn, **changes: str) -> InProcess:
            return running.enter_context(InProcess(environ(slack, tmp_path / "state.sqlite", **changes)))

        yield start


@pytest.fixture
def state(tmp_path: Path) -> Iterator[DocumentStore]:
    """What the processes of the test share."""
    store = open_documents(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield store
    store.close()


@pytest.fixture
def start_process(tmp_path: Path) -> Iterator[StartProcess]:
    """A factory; everything it started is killed at the end of the test."""
    with ExitStack() as running:
        started = 0

        def start(slack: SlackStandIn, **changes: str) -> WebhookProcess:
            nonlocal started
            started += 1
            variables = environ(slack, tmp_path / "state.sqlite", **changes)
            return running.enter_context(WebhookProcess(variables, tmp_path / f"webhook-{started}.log"))

        yield start


@pytest.fixture
def webhook(slack: SlackStandIn, start_webhook: StartWebhook) -> InProcess:
    """One replica with a bot token."""
    return start_webhook(slack)
