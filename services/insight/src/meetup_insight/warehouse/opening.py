"""Opens a warehouse by its URL; Google's client is imported only when the URL asks for it."""

from meetup_insight.errors import WarehouseRefused
from meetup_insight.warehouse.addresses import dataset_of
from meetup_insight.warehouse.duckdb_file import DuckDbWarehouse
from meetup_insight.warehouse.protocol import Warehouse


def open_warehouse(url: str, *, memory: str, threads: int) -> Warehouse:
    """The warehouse; ``memory`` and ``threads`` are DuckDB's, BigQuery works on Google's machines."""
    named = dataset_of(url)
    if named is None:
        return DuckDbWarehouse.from_url(url, memory=memory, threads=threads)
    try:
        from meetup_insight.warehouse.bigquery.dataset import BigQueryWarehouse
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("google"):
            raise
        raise WarehouseRefused(f"{url} needs Google's client of BigQuery: install meetup-insight[bigquery]") from None
    return BigQueryWarehouse(*named)
