"""Where tables lie: a DuckDB file, or a BigQuery dataset."""
