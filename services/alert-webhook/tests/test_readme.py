"""The README's tables say what the service is."""

import re
from pathlib import Path

from meetup_alert_webhook.delivery.outcomes import Reason
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.model import Source
from prometheus_client import CollectorRegistry

README = (Path(__file__).parents[1] / "README.md").read_text()


def rows(header: str) -> list[list[str]]:
    """The cells of the table under the header line."""
    table = README.split(header, 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_an_alert_passes_nine_files_and_the_readme_names_them_in_order() -> None:
    package = Path(__file__).parents[1] / "src/meetup_alert_webhook"
    passed = [row[0].strip("`").partition("`")[0] for row in rows("| File | Step |")]
    assert len(passed) <= 9
    assert [file for file in passed if not (package / file).is_file()] == []
    imports = {file: (package / file).read_text() for file in passed}
    for before, after in (("delivery/deliver.py", "slack/sender.py"), ("slack/sender.py", "slack/client.py")):
        assert f"meetup_alert_webhook.{after.removesuffix('.py').replace('/', '.')}" in imports[before]


def test_every_answer_code_is_explained() -> None:
    assert {row[0] for row in rows("| Answer | When | What its sender does |")} == {
        "200", "400", "401", "403", "408", "413", "415", "503",
    }  # fmt: skip


def test_the_reasons_of_the_metrics_are_listed() -> None:
    assert [reason for reason in Reason if not re.search(rf"`{reason}`", README)] == []


def test_every_reason_to_put_off_is_counted_from_0_so_that_an_alert_rule_sees_the_first() -> None:
    registry = CollectorRegistry()
    Metrics(registry, version="0")
    for source in Source:
        for reason in Reason:
            labels: dict[str, str] = {"source": source, "reason": reason}
            assert registry.get_sample_value("meetup_alert_webhook_deferred_total", labels) == 0
