"""Where tables lie: a DuckDB file, or a dataset of BigQuery. What is done to them is said once, for both engines."""
