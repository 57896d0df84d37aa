"""The addresses of warehouses. Pure: a page that reads its settings loads no engine."""

import re
from typing import Final

FORMS: Final = "duckdb:///relative/file, duckdb:////absolute/file or bigquery://project/dataset"
"""What a URL may look like."""
_DATASET: Final = re.compile(
    r"bigquery://(?P<project>[a-z][a-z0-9.:-]{0,62}[a-z0-9])/(?P<dataset>\w{1,1024})", re.ASCII
)
"""Google's rules of names; domain-scoped projects (example.com:name) have a dot and a colon."""


def is_warehouse(url: str) -> bool:
    """Whether some engine knows the URL."""
    file = url.removeprefix("duckdb:///")
    return dataset_of(url) is not None or (file != url and bool(file.strip("/")))


def dataset_of(url: str) -> tuple[str, str] | None:
    """Project and dataset, if the URL names them."""
    found = _DATASET.fullmatch(url)
    return (found["project"], found["dataset"]) if found else None
