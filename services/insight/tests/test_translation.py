"""Queries become an engine's text once."""

import ibis
import pytest
from ibis.expr.types import Table as Expression
from meetup_insight.schema.tables import GROUPS
from meetup_insight.warehouse.protocol import relation
from meetup_insight.warehouse.translation import translated


def of_country(country: str) -> Expression:
    groups = relation(GROUPS)
    return groups.filter(groups.country == country).select("group_id", "name")


@pytest.mark.parametrize("dialect", ["duckdb", "bigquery"])
def test_a_query_is_what_ibis_says_and_is_translated_once_however_often_it_is_built(dialect: str) -> None:
    first = translated(of_country("us"), dialect)
    assert first == ibis.to_sql(of_country("us"), dialect=dialect)
    assert translated(of_country("us"), dialect) is first
    assert translated(of_country("de"), dialect) == first.replace("us", "de")


def test_the_engines_texts_of_a_query_are_not_mistaken_for_each_other() -> None:
    assert translated(of_country("us"), "duckdb") != translated(of_country("us"), "bigquery")
