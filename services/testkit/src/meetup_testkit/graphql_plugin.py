"""The fixture ``living_meetup``: stand-ins for today's API as processes of their own."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from meetup_testkit.graphql_process import GraphqlProcess


class StartLivingMeetup(Protocol):
    """Starts a stand-in with these flags, on a free port."""

    def __call__(self, *flags: str) -> "GraphqlProcess":
        """Return when it listens."""


@pytest.fixture
def living_meetup(tmp_path: Path) -> Iterator[StartLivingMeetup]:
    """A factory; every stand-in it started is stopped at the end of the test."""
    from meetup_testkit.graphql_process import GraphqlProcess  # late: most tests need no GraphQL

    with ExitStack() as running:

        def start(*flags: str) -> GraphqlProcess:
            return running.enter_context(GraphqlProcess(tmp_path, *flags))

        yield start
