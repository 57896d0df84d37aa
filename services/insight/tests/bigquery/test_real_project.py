"""A build in a real project of Google Cloud: only if somebody names a dataset for it.

``MEETUP_BIGQUERY=project/dataset`` names an empty dataset that the caller's credentials may write to, and costs cents.
"""

import os
from pathlib import Path

import pytest
from meetup_insight.building.build import ALL_TABLES, build
from meetup_insight.schema import STAGING
from meetup_insight.warehouse.opening import open_warehouse
from meetup_insight.warehouse.protocol import relation, rows

from services.insight.tests.conftest import Configure, Store
from services.insight.tests.test_privacy import rsvp

VARIABLE = "MEETUP_BIGQUERY"


@pytest.mark.timeout(1800)
@pytest.mark.skipif(VARIABLE not in os.environ, reason=f"no real project: {VARIABLE}=project/dataset names one")
def test_a_real_dataset_has_the_rows_of_duckdb(store: Store, configure: Configure, tmp_path: Path) -> None:
    lines = [rsvp(at, 1 + at * 7 % 60, at % 10, response="no" if at % 5 == 4 else "yes", hour=at) for at in range(900)]
    store.put_segment("rsvps", "2017-03-19/12/aa", lines)
    warehouse = f"bigquery://{os.environ[VARIABLE]}"
    both = [
        configure("duckdb"),
        configure("real", warehouse=warehouse, published=tmp_path / "p", forgotten=tmp_path / "f"),
    ]
    found = []
    for settings in both:
        build(settings)
        assert build(settings).objects == 0
        made = open_warehouse(settings.warehouse, memory=settings.memory, threads=settings.threads)
        tables = [rows(made, relation(table).order_by(list(table.key))) for table in (*STAGING, *ALL_TABLES)]
        found.append([[tuple(round(x, 9) if isinstance(x, float) else x for x in row) for row in t] for t in tables])
        made.close()
    assert found[0] == found[1]
