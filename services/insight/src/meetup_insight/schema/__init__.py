"""The single truth about every table: columns, types, keys, meaning and who may see it.

From here come DuckDB's columns, BigQuery's schema, Arrow's types, Ibis' types and the table of the README.
"""

from meetup_insight.schema.columns import Column, Kind, Seen, Table
from meetup_insight.schema.feeds import FEED_TABLES, FeedTable, Part
from meetup_insight.schema.tables import BOOKS, STAGING, TABLES

__all__ = ["BOOKS", "FEED_TABLES", "STAGING", "TABLES", "Column", "FeedTable", "Kind", "Part", "Seen", "Table"]
