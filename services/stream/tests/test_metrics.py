from meetup_stream.metrics import Metrics


def test_every_series_is_there_before_the_first_record() -> None:
    samples = [sample for family in Metrics("rsvps").registry.collect() for sample in family.samples]
    assert all(sample.labels["feed"] == "rsvps" for sample in samples)
    assert any(sample.labels.get("reason") == "not_json" for sample in samples)
    assert any(sample.labels.get("cause") == "silent" for sample in samples)
    assert len(samples) < 300
