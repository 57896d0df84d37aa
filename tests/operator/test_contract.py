"""What the operator renders is what the stream service reads, and what it reads is what the stream service shows."""

from pathlib import Path

import pytest
import yaml
from meetup_feed_operator.status.metrics_page import read_metrics
from meetup_stream.labels import LINES, Verdict
from meetup_stream.metrics import Metrics
from meetup_stream.settings import StreamSettings
from prometheus_client import generate_latest

GOLDEN = sorted((Path(__file__).parents[2] / "services/feed-operator/tests/golden").glob("*.output.yaml"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_every_rendered_environment_is_accepted_by_the_stream_service(path: Path, tmp_path: Path) -> None:
    """The files that are mounted there lie elsewhere here."""
    mounted = tmp_path / "token"
    mounted.write_text("a-token")
    for manifest in yaml.safe_load_all(path.read_text()):
        if manifest["kind"] == "Deployment":
            container = manifest["spec"]["template"]["spec"]["containers"][0]
            environment = {variable["name"]: variable["value"] for variable in container["env"]}
            environment |= {name: str(mounted) for name in environment if name.endswith("_FILE")}
            settings = StreamSettings.from_environ(environment)
            assert settings.row().name == environment["STREAM_FEED"]


def test_the_figures_of_the_status_are_metrics_of_the_stream_service() -> None:
    metrics = Metrics("rsvps")
    metrics.ledger_since.set(1_700_000_000)
    metrics.last_gap_from.set(1)
    metrics.last_gap_to.set(2)
    page = generate_latest(metrics.registry).decode()
    scrape = read_metrics(page, pod_uid="p", at=0, not_ready=None)
    assert scrape.connected is not None
    assert scrape.stored is not None
    for name in ("records_rejected_total", "last_record_timestamp_seconds", "cursor_timestamp_seconds"):
        assert f"meetup_stream_{name}" in page
    assert scrape.ledger is not None
    assert scrape.ledger.connections == dict.fromkeys(Verdict, 0)
    assert scrape.ledger.lines == dict.fromkeys(LINES, 0)
    assert scrape.ledger.last_gap == (1, 2)
