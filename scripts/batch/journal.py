"""What a run has done so far: one SQLite file, so that a row is done wholly or not at all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rows (row INTEGER PRIMARY KEY, told TEXT NOT NULL, timing TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (sha256 TEXT PRIMARY KEY, file_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (row INTEGER PRIMARY KEY, key TEXT NOT NULL, body TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A row that is done. `told`: what is the same in every run; `timing`: what is not. Both by column."""

    row: int
    told: Mapping[str, Any]
    timing: Mapping[str, Any]


class Journal:
    """Of one run, used by one thread; a context manager."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(SCHEMA)

    def fact(self, name: str) -> Any:
        """What was kept under the name, or None."""
        found = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(found[0])

    def keep(self, name: str, value: Any) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    def add(self, lines: Sequence[Line]) -> None:
        """All of them or none.

        Raises:
            sqlite3.IntegrityError: one is there already.
        """
        with self._transaction():
            self._database.executemany(
                "INSERT INTO rows VALUES (?, ?, ?)",
                [(line.row, json.dumps(line.told), json.dumps(line.timing)) for line in lines],
            )

    def lines(self) -> list[Line]:
        """By row."""
        found = self._database.execute("SELECT row, told, timing FROM rows ORDER BY row")
        return [Line(row, json.loads(told), json.loads(timing)) for row, told, timing in found]

    def forget(self, rows: Iterable[int]) -> None:
        """Have them made again."""
        with self._transaction():
            for row in rows:
                self._database.execute("DELETE FROM rows WHERE row = ?", (row,))
                self._database.execute("DELETE FROM requests WHERE row = ?", (row,))

    def upload(self, sha256: str) -> str | None:
        """The id under which a service has the file."""
        found = self._database.execute("SELECT file_id FROM uploads WHERE sha256 = ?", (sha256,)).fetchone()
        return None if found is None else str(found[0])

    def keep_upload(self, sha256: str, file_id: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?)", (sha256, file_id))

    def forget_uploads(self, file_ids: Iterable[str]) -> None:
        self._database.executemany("DELETE FROM uploads WHERE file_id = ?", [(file_id,) for file_id in file_ids])

    def request(self, row: int) -> tuple[str, dict[str, Any]] | None:
        """The key and the body with which a service was asked, or was about to be, for the row."""
        found = self._database.execute("SELECT key, body FROM requests WHERE row = ?", (row,)).fetchone()
        return None if found is None else (str(found[0]), json.loads(found[1]))

    def keep_request(self, row: int, key: str, body: Mapping[str, Any]) -> None:
        self._database.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?)", (row, key, json.dumps(body)))

    def forget_request(self, row: int) -> None:
        self._database.execute("DELETE FROM requests WHERE row = ?", (row,))

    def _transaction(self) -> _Transaction:
        return _Transaction(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._database.close()


class _Transaction:
    """Everything within it, or nothing."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, at: object) -> None:
        self._database.execute("COMMIT" if kind is None else "ROLLBACK")
