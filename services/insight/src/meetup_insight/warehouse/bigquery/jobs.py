"""Runs jobs of BigQuery: every call is tried again by one policy, and a job that was taken on runs once."""

import os
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar

from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud.bigquery import Client, DatasetReference, QueryJobConfig
from meetupkit.retry import call_policy, doubled
from meetupkit.stores.google_credentials import CredentialsFinder

from meetup_insight.errors import WarehouseUnavailable
from meetup_insight.warehouse.bigquery.failures import AnotherBuild, failure, is_known_job, translated

_EMULATOR: Final = "BIGQUERY_EMULATOR_HOST"
"""Google's client reads it too; who answers there knows no credentials."""
_SCOPES: Final = ("https://www.googleapis.com/auth/bigquery",)
CALL_SECONDS: Final = 60.0
"""To connect, and between two reads of an answer: one try of a call, whose tries end after a minute."""
_START_SECONDS: Final = 300.0
"""The same for the start of a query: BigQuery answers at once, its emulators when the query has ended."""
_JOB_SECONDS: Final = 3600.0
"""A load takes seconds, the largest script of a build minutes. BigQuery itself would go on for a day."""
_CONFLICT_SECONDS: Final = 600.0
"""While the script of a build that was killed may still run."""
_FIRST_LOOK_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 5.0
ONCE: Any = None
"""For ``retry``: the policy here is the only one. The client takes ``None`` for that, and its types do not say so."""
_T = TypeVar("_T")
Job = Any
"""A job as Google's client shows it; its classes have their types nowhere in common."""


class Jobs:
    """The jobs of one process in one dataset."""

    def __init__(self, project: str, dataset: str, name: str, stopping: threading.Event) -> None:
        self.place = f"bigquery://{project}/{dataset}"
        self.reference = DatasetReference(project, dataset)
        self._name = name
        self._stopping = stopping
        self._number = 0
        self._finder = CredentialsFinder(_SCOPES)

    @cached_property
    def client(self) -> Client:
        """Made at the first call."""
        credentials = self._tried(self._credentials)
        session = AuthorizedSession(credentials)
        session.max_redirects = 0
        config = QueryJobConfig(default_dataset=self.reference)
        return Client(self.reference.project, credentials, _http=session, default_query_job_config=config)

    def find_dataset(self) -> None:
        """Raises what BigQuery says of a dataset or project that is not there, or not for us."""
        _ = self.location

    @cached_property
    def location(self) -> str:
        """Where the dataset lies, and so where its jobs run."""
        found = self.call(lambda client: client.get_dataset(self.reference, retry=ONCE, timeout=CALL_SECONDS))
        return str(found.location)

    def call(self, what: Callable[[Client], _T]) -> _T:
        """One call of the API that may be repeated."""
        client = self.client
        return self._tried(lambda: what(client))

    def load(self, start: Callable[[Client, str], Job]) -> Job:
        """Start a job that may run twice; ``start`` is given its id."""
        return self._started("load", start)

    def finished(self, job: Job) -> Job:
        """The job when it has ended well; what it ended with is raised otherwise."""
        self._wait(job)
        if job.error_result:
            raise failure(self.place, job.exception())
        return job

    def run(self, script: str, sent: Callable[[], None] = lambda: None) -> Job:
        """Run a query or a script that is one transaction. It is sent again only if BigQuery says that it failed."""

        def attempt() -> Job | WarehouseUnavailable:
            try:
                job = self._started("query", lambda client, job_id: self._query(client, script, job_id))
                sent()
                self._wait(job)
            except WarehouseUnavailable as unknown:  # whether it runs, the next build will see
                return unknown
            try:
                return self.finished(job)
            except AnotherBuild as final:
                return final

        outcome = call_policy("bigquery transaction", stopping=self._stopping, seconds=_CONFLICT_SECONDS)(attempt)
        if isinstance(outcome, WarehouseUnavailable):
            raise outcome
        return outcome

    def close(self) -> None:
        """Close the connections."""
        if "client" in self.__dict__:
            self.client.close()

    def _query(self, client: Client, script: str, job_id: str) -> Job:
        return client.query(
            script, job_id=job_id, location=self.location, retry=ONCE, job_retry=ONCE, timeout=_START_SECONDS
        )

    def _started(self, kind: str, start: Callable[[Client, str], Job]) -> Job:
        """Under an id of its own: if the answer is lost, the same job is found instead of a second one started."""
        self._number += 1
        job_id, location = f"meetup-insight-{self._name}-{self._number}-{kind}", self.location

        def once(client: Client) -> Job:
            try:
                return start(client, job_id)
            except GoogleAPICallError as error:
                if not is_known_job(error):
                    raise
                return client.get_job(job_id, location=location, retry=ONCE, timeout=CALL_SECONDS)

        return self.call(once)

    def _wait(self, job: Job) -> None:
        until, looks = time.monotonic() + _JOB_SECONDS, 0
        while not self.call(lambda _: job.done(retry=ONCE, timeout=CALL_SECONDS)):
            if time.monotonic() > until or self._stopping.is_set():
                self.call(lambda _: job.cancel(retry=ONCE, timeout=CALL_SECONDS))
                raise WarehouseUnavailable(f"{self.place}: job {job.job_id} did not end within {_JOB_SECONDS:.0f} s")
            looks += 1
            self._stopping.wait(doubled(looks, first=_FIRST_LOOK_SECONDS, longest=_LOOK_SECONDS))

    def _tried(self, what: Callable[[], _T]) -> _T:
        def once() -> _T:
            with translated(self.place):
                return what()

        return call_policy("bigquery", stopping=self._stopping)(once)

    def _credentials(self) -> Credentials:
        return AnonymousCredentials() if _EMULATOR in os.environ else self._finder.find()
