"""Speaking to a process: is it ready, what has it counted, take this alert.

Pages of ``/metrics`` are read by Prometheus' own parser.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

_SECONDS: Final = 1.0
"""Over loopback an answer takes milliseconds; a process that is too busy for it is asked again soon."""

Bucket = tuple[float, float]
"""Upper bound and how many observations were at most that, as in ``le``."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a page."""

    name: str
    labels: Mapping[str, str]
    value: float


class Page:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [
            Sample(sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """The sum of every series of that name with these labels; 0 if there is none."""
        return sum(sample.value for sample in self._named(name) if labels.items() <= sample.labels.items())

    def buckets(self, name: str) -> tuple[Bucket, ...]:
        """Those of a histogram with one series."""
        return tuple((float(sample.labels["le"]), sample.value) for sample in self._named(f"{name}_bucket"))

    def _named(self, name: str) -> Iterator[Sample]:
        return (sample for sample in self._samples if sample.name == name)


class Scraper:
    """Asks and tells over loopback, past any proxy."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False

    def page(self, address: str) -> Page | None:
        """``/metrics``, or ``None`` if it cannot be had now."""
        answer = self._get(f"{address}/metrics")
        return Page(answer.text) if answer is not None and answer.ok else None

    def why_not_ready(self, address: str, path: str) -> str | None:
        """The sentence of ``/readyz``, or ``None`` if it is ready."""
        answer = self._get(address + path)
        if answer is None:
            return "it does not answer"
        return None if answer.ok else answer.text.strip()[:200]

    def post(self, url: str, body: Mapping[str, Any], token: SecretStr) -> bool:
        """Whether it was answered for good: taken, or refused in a way that another try would not change."""
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"}
        try:
            return self._session.post(url, json=body, headers=headers, timeout=_SECONDS).status_code < 500
        except requests.RequestException:
            return False

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _get(self, url: str) -> requests.Response | None:
        try:
            return self._session.get(url, timeout=_SECONDS)
        except requests.RequestException:
            return None
