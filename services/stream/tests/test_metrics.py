from pathlib import Path

from meetup_stream.metrics import Metrics


def test_every_metric_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    for family in Metrics("rsvps").registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        rows = [line for line in readme.splitlines() if line.startswith(f"| `{name}` | {family.type} | `feed`")]
        assert len(rows) == 1, f"README.md has {len(rows)} rows for {name}"
        assert rows[0].endswith(f"| {family.documentation} |")


def test_every_series_is_there_before_the_first_record() -> None:
    samples = [sample for family in Metrics("rsvps").registry.collect() for sample in family.samples]
    assert all(sample.labels["feed"] == "rsvps" for sample in samples)
    assert any(sample.labels.get("reason") == "not_json" for sample in samples)
    assert any(sample.labels.get("cause") == "silent" for sample in samples)
    assert len(samples) < 300
