"""Where rows come from: exactly one source a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.batch.datasets import Pairs, beside_of, rows_of_dresscode, rows_of_viton_hd
from scripts.batch.folders import rows_of_folders
from scripts.batch.rows import BatchError, Defaults, Row
from scripts.batch.tables import rows_of_table


@dataclass(frozen=True, slots=True)
class Source:
    """Of `table`, the two folders, `viton_hd` and `dresscode`, one is given. `zipped`: of the folders; `pairs`: of data
    sets.
    """

    table: Path | None = None
    people: Path | None = None
    garments: Path | None = None
    zipped: bool = False
    viton_hd: Path | None = None
    dresscode: Path | None = None
    pairs: Pairs = Pairs.PAIRED

    def rows(self, defaults: Defaults) -> list[Row]:
        """
        Raises:
            BatchError: none is given, or several are, or it has no rows.
        """
        given = [self.table, self.people or self.garments, self.viton_hd, self.dresscode]
        if sum(source is not None for source in given) != 1:
            raise BatchError("Name one source of rows: a table, --people and --garments, --viton-hd, or --dresscode.")
        if self.table is not None:
            return rows_of_table(self.table, defaults)
        if self.viton_hd is not None:
            return rows_of_viton_hd(self.viton_hd, self.pairs, defaults)
        if self.dresscode is not None:
            return rows_of_dresscode(self.dresscode, self.pairs, defaults)
        if self.people is None or self.garments is None:
            raise BatchError("--people and --garments go together.")
        return rows_of_folders(self.people, self.garments, defaults, zipped=self.zipped)

    def told(self, rows: Sequence[Row]) -> str:
        """What there is to know of these rows before any is made; empty where there is nothing."""
        return beside_of(rows) if self.viton_hd or self.dresscode else ""
