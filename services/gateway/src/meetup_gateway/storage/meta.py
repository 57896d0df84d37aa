"""Small things that outlive a restart: keys, the price, lost fields, the lease of the poller."""

import json
import secrets
from dataclasses import asdict
from typing import Any, Final

from meetupkit.stores.sqlite_file import SqliteFile

from meetup_gateway.source.budget import BudgetState, Price

_KEY_BYTES: Final = 32


class Meta:
    """Named values."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @property
    def file(self) -> SqliteFile:
        """Where they are."""
        return self._file

    def get(self, name: str) -> Any:
        """The value, or ``None``."""
        with self._file.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, name: str, value: Any) -> None:
        """Durable when this returns."""
        with self._file.writing() as connection:
            connection.execute("REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))

    def key(self) -> bytes:
        """The store's own key: of pseudonyms, if no other is set, and of the suppression list."""
        with self._file.writing() as connection:
            fresh = json.dumps(secrets.token_hex(_KEY_BYTES))
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('key', ?)", (fresh,))
            (value,) = connection.execute("SELECT value FROM meta WHERE name = 'key'").fetchone()
        return bytes.fromhex(json.loads(value))

    def budget(self, first: Price) -> BudgetState:
        """What was learnt of the price, or the first guess."""
        kept = self.get("budget")
        if not kept:
            return BudgetState(first)
        floor = Price(**kept["floor"]) if kept["floor"] else None
        return BudgetState(Price(**kept["price"]), floor, kept["relaxed_at"])

    def keep_budget(self, state: BudgetState) -> None:
        """Remember what was learnt."""
        self.put("budget", asdict(state))

    def removed_fields(self) -> frozenset[str]:
        """Fields that the API lost."""
        return frozenset(self.get("removed") or ())

    def keep_removed(self, fields: frozenset[str]) -> None:
        """Remember them: otherwise each restart would ask for them again."""
        self.put("removed", sorted(fields))
