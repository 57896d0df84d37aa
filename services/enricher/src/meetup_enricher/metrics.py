"""The enricher's metrics; the README has them in a table."""

from typing import Final

from meetupkit.build_info import register_build_info
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from meetup_enricher import __version__
from meetup_enricher.kinds import KINDS, MissingReason

_CALL_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
"""A full batch took Meetup some hundred milliseconds; the last bound is the default at which a call is given up."""
_BATCH_IDS: Final = (1, 2, 5, 10, 20, 50, 100, 150, 199, 200)
"""199 apart from 200, so that full batches can be told from those the linger ended."""

_OUTCOMES: Final = ("queued", "already_queued", "fresh", "missing")
BREAKER_STATES: Final = ("closed", "open", "half_open")
_STATUSES: Final = ("2xx", "3xx", "4xx", "429", "5xx", "none")


class Metrics:
    """Every metric of the service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        reg = self.registry
        register_build_info(reg, "enricher", __version__)
        self.queue_depth = Gauge(
            "meetup_enricher_queue_depth",
            "Ids that wait for their look-up, those under a lease included.",
            ["kind"],
            registry=reg,
        )
        self.queue_oldest = Gauge(
            "meetup_enricher_queue_oldest_seconds",
            "Age of the oldest waiting id; 0 if none waits.",
            ["kind"],
            registry=reg,
        )
        self.ids = Counter(
            "meetup_enricher_ids_total",
            "Ids asked for: queued, already_queued, fresh, missing.",
            ["kind", "outcome"],
            registry=reg,
        )
        self.api_calls = Counter(
            "meetup_enricher_api_calls_total",
            "Calls of Meetup's API: 2xx, 3xx, 4xx, 429, 5xx, none (no whole answer).",
            ["kind", "status"],
            registry=reg,
        )
        self.api_seconds = Histogram(
            "meetup_enricher_api_call_seconds", "Duration of API calls.", ["kind"], registry=reg, buckets=_CALL_SECONDS
        )
        self.batch_ids = Histogram(
            "meetup_enricher_batch_ids",
            "Ids in a batch; 200 is a full one.",
            ["kind"],
            registry=reg,
            buckets=_BATCH_IDS,
        )
        self.rate_limit_remaining = Gauge(
            "meetup_enricher_rate_limit_remaining",
            "Calls left in this window, by Meetup's last answer.",
            registry=reg,
        )
        self.breaker_state = Gauge(
            "meetup_enricher_breaker_state",
            "1 for the state the breaker is in: closed, open, half_open.",
            ["state"],
            registry=reg,
        )
        self.api_refused = Gauge(
            "meetup_enricher_api_refused",
            "1 while Meetup refuses the key, or every call; nobody calls for `ENRICHER_REFUSED_SECONDS` at a time.",
            registry=reg,
        )
        self.breaker_changes = Counter(
            "meetup_enricher_breaker_changes_total",
            "Changes of the breaker, by the new state.",
            ["state"],
            registry=reg,
        )
        self.stored = Counter("meetup_enricher_profiles_stored_total", "Profiles stored.", ["kind"], registry=reg)
        self.missing = Counter(
            "meetup_enricher_profiles_missing_total",
            "Ids remembered as missing: absent, or quarantined as refused or unstorable.",
            ["kind", "reason"],
            registry=reg,
        )
        self.unasked = Counter(
            "meetup_enricher_unasked_results_total",
            "Results nobody asked for, or that are no profile; ignored.",
            ["kind"],
            registry=reg,
        )
        self.retries = Counter(
            "meetup_enricher_retries_total",
            "Retries, by what was called and the class of the error.",
            ["call", "error"],
            registry=reg,
        )
        self.last_success = Gauge(
            "meetup_enricher_last_success_timestamp_seconds",
            "When a batch was last stored; 0 for never.",
            ["kind"],
            registry=reg,
        )
        self.store_up = Gauge(
            "meetup_enricher_store_up", "1 while the document store answers, 0 while not.", registry=reg
        )

        for kind in KINDS:  # so that a rate over them begins at 0 and not at the first event
            self.stored.labels(kind.name)
            self.unasked.labels(kind.name)
            self.last_success.labels(kind.name)
            for outcome in _OUTCOMES:
                self.ids.labels(kind.name, outcome)
            for status in _STATUSES:
                self.api_calls.labels(kind.name, status)
            for why in MissingReason:
                self.missing.labels(kind.name, why.value)
        for state in BREAKER_STATES:
            self.breaker_changes.labels(state)

    def breaker(self, state: str) -> None:
        """The breaker is in this state now."""
        for each in BREAKER_STATES:
            self.breaker_state.labels(each).set(each == state)

    def totals(self) -> dict[str, int]:
        """What this process did: fields of its last log line, which no scrape comes too late for."""
        names = ("profiles_stored", "profiles_missing", "api_calls")
        return {name: self._total(f"meetup_enricher_{name}_total") for name in names}

    def _total(self, name: str) -> int:
        samples = (sample for family in self.registry.collect() for sample in family.samples)
        return int(sum(sample.value for sample in samples if sample.name == name))
