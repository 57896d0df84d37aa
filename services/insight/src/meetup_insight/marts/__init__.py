"""Patterns: each mart is a table with one query in Ibis, which runs on DuckDB and on BigQuery alike."""
