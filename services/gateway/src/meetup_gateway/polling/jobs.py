"""Questions that take several pages, asked side by side in batches."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from meetup_gateway.observing.pages import Listing, Page, read_page
from meetup_gateway.source.api import Api, Failed, Found, Waiting
from meetup_gateway.source.budget import Share

Node = dict[str, Any]


class Job(ABC):
    """One list that is read page by page: the connection below a root field's value."""

    def __init__(self, shape: str, *connection: str) -> None:
        self.shape = shape
        self.listing = Listing()
        self.failed = False
        """A page did not come; those before it are in the listing."""
        self.null = False
        """It did not come because the API's answer was null."""
        self._connection = connection

    @abstractmethod
    def variables(self) -> Mapping[str, Any]:
        """Of the next page."""

    def take(self, result: Found | Failed) -> bool:
        """The page came, or failed; whether there is another to ask for."""
        if isinstance(result, Found) and isinstance(result.value, dict):
            return self._turn(read_page(result.value, self._connection, result.harmed))
        self.failed = True
        self.null = isinstance(result, Found)
        return False

    def _turn(self, page: Page) -> bool:
        """Take a page; whether there is another to ask for."""
        return self.listing.add(page)


J = TypeVar("J", bound=Job)


def run(api: Api, jobs: Sequence[J], share: Share) -> tuple[list[J], list[J], float]:
    """Ask until all have ended or the points are out: those that ended, those that go on later, and after how long.

    All jobs are of one shape.
    """
    ended: list[J] = []
    open_jobs = list(jobs)
    while open_jobs:
        results = api.ask(open_jobs[0].shape, [job.variables() for job in open_jobs], share)
        following: list[J] = []
        wait = 0.0
        for job, result in zip(open_jobs, results, strict=True):
            if isinstance(result, Waiting):
                following.append(job)
                wait = max(wait, result.seconds)
            elif job.take(result):
                following.append(job)
            else:
                ended.append(job)
        if wait:
            return ended, following, wait
        open_jobs = following
    return ended, [], 0.0
