"""What runs, and since when: the two metrics that every service has alike."""

from prometheus_client import CollectorRegistry, Gauge


def register_build_info(registry: CollectorRegistry, service: str, version: str, **labels: str) -> None:
    """Add ``meetup_build_info`` and ``meetup_start_timestamp_seconds``; ``labels`` are put on both, before ``service``.

    A start that lies later than at the last scrape is a restart, on every platform alike.
    """
    told = {**labels, "service": service}
    build = Gauge("meetup_build_info", "1; its labels say what is running", [*told, "version"], registry=registry)
    build.labels(**told, version=version).set(1)
    start = Gauge("meetup_start_timestamp_seconds", "When the process started", [*told], registry=registry)
    start.labels(**told).set_to_current_time()
