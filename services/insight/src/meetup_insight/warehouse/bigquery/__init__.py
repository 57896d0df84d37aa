"""A dataset of BigQuery: filled by load jobs, changed by scripts that are one transaction each."""
