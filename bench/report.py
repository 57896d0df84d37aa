"""A table between two marker comments of a README; what stands around it stays."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measurement import Row

COLUMNS = ("What", "Aim", "Measured", "What limits it")


def show(rows: Sequence[Row]) -> None:
    """On the terminal."""
    table = Table(*COLUMNS, show_lines=True)
    for row in rows:
        table.add_row(*_cells(row))
    Console().print(table)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def figures(rows: Sequence[Row], conditions: str) -> str:
    """The conditions, then the table."""
    return f"{conditions}\n\n{markdown(COLUMNS, [_cells(row) for row in rows])}"


def put_between(file: Path, marker: str, text: str) -> None:
    """Replace what stands between ``<!-- marker -->`` and ``<!-- /marker -->``; append both if they are not there."""
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    old = file.read_text() if file.exists() else ""
    if begin not in old:
        old = f"{old.rstrip()}\n\n{begin}\n{end}\n".lstrip()
    before, _, rest = old.partition(begin)
    file.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def _cells(row: Row) -> tuple[str, str, str, str]:
    return row.what, row.aim, row.measured, row.limit
