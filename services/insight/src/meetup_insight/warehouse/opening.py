"""Opens a warehouse by its URL."""

from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse
from meetup_insight.warehouse.protocol import Warehouse


def open_warehouse(url: str, *, memory: str, threads: int) -> Warehouse:
    """The warehouse; ``memory`` and ``threads`` are DuckDB's."""
    return DuckDbWarehouse.from_url(url, memory=memory, threads=threads)
