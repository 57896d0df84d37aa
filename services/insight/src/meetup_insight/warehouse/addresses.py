"""The addresses of warehouses. Pure: a page that reads its settings loads no engine."""

from typing import Final

FORMS: Final = "duckdb:///relative/file or duckdb:////absolute/file"
"""What a URL may look like."""


def is_warehouse(url: str) -> bool:
    """Whether some engine knows the URL."""
    return url.startswith("duckdb:///") and bool(url.removeprefix("duckdb:///").strip("/"))
