"""The folder of a run: its pictures, its journal, and the one process that may write it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from inference.locks import AlreadyLockedError, lock_file
from scripts.batch.differences import difference, difference_of_rows
from scripts.batch.disk import clear_parts, write_whole
from scripts.batch.journal import Journal, Line
from scripts.batch.manifest import timing_of, told_of, write_manifest
from scripts.batch.plan import Plan
from scripts.batch.results import Result
from scripts.batch.rows import BatchError, Row

JOURNAL, LOCK, PICTURES = "journal.sqlite", "lock", "pictures"
DRAWN = ("people", "garments", "truths", "masks")
FULL = "{folder} cannot be written: {error}. What is done is kept: mend it, and run the same command again."


class RunFolder:
    """Where a plan's results are kept; a context manager that no other process can be in at the same time.

    `told` learns of each row that is done, with its error.

    Raises:
        BatchError: another process is in it, it cannot be used, or it is of another plan.
    """

    def __init__(self, folder: Path, plan: Plan, told: Callable[[Sequence[Result]], object]) -> None:
        self.folder = folder
        self.plan = plan
        self._told = told
        self._rows = {row.number: row for row in plan.rows}
        self._check_no_inputs()
        try:
            (folder / PICTURES).mkdir(parents=True, exist_ok=True)
            self._lock = lock_file(folder / LOCK)
        except AlreadyLockedError:
            raise BatchError(f"Another fitting-room batch is at work in {folder}: wait for it, or stop it.") from None
        except OSError as error:
            raise BatchError(f"{folder} cannot be used: {error.strerror}. Choose another folder with -o.") from error
        self.journal = Journal(folder / JOURNAL)
        self._check_plan()
        clear_parts(folder)
        clear_parts(folder / PICTURES)

    def _check_plan(self) -> None:
        now, rows = self.plan.told(), self.plan.told_rows()
        if (before := self.journal.fact("plan")) is None:
            self.journal.keep("rows", rows)
            self.journal.keep("plan", now)
        elif before != now:
            changed = [difference(before, now)]
            if before["rows_sha256"] != now["rows_sha256"]:
                changed.append(difference_of_rows(self.journal.fact("rows") or [], rows))
            raise BatchError(
                f"{self.folder} holds another run; this one has {', '.join(filter(None, changed)) or 'other rows'}. "
                "Give the same rows and options to go on with it, or another folder with -o."
            )

    def _check_no_inputs(self) -> None:
        found = [name for name in DRAWN if (self.folder / name).is_dir()]
        if found and not (self.folder / JOURNAL).is_file():
            raise BatchError(
                f"{self.folder} holds what goes into a run ({', '.join(found)}), not what comes out of one: "
                "choose another folder with -o."
            )

    def left(self) -> list[Row]:
        """Rows that are not done."""
        done = {line.row for line in self.journal.lines()}
        return [row for row in self.plan.rows if row.number not in done]

    def failed(self) -> list[Row]:
        """Rows that are done without a picture."""
        return [self._rows[line.row] for line in self.journal.lines() if line.told["error"]]

    def add_problems(self) -> None:
        """Of rows whose source knows that they cannot be made."""
        self.add([Result(row.number, error=row.problem) for row in self.left() if row.problem])

    def add(self, results: Sequence[Result]) -> None:
        """Keep what became of these rows: first the pictures, then, at once, that they are done.

        Raises:
            BatchError: the disk takes no more.
        """
        try:
            self.journal.add([self._line(result) for result in results])
        except (OSError, sqlite3.OperationalError) as error:
            raise BatchError(FULL.format(folder=self.folder, error=error)) from error
        self._told(results)

    def write(self) -> None:
        """The manifest and what goes with it.

        Raises:
            BatchError: the disk takes no more.
        """
        try:
            write_manifest(self.folder, self.plan, self.journal.lines())
        except OSError as error:
            raise BatchError(FULL.format(folder=self.folder, error=error)) from error

    def _line(self, result: Result) -> Line:
        row, output, digest = self._rows[result.row], "", ""
        if result.picture is not None:
            output, digest = f"{PICTURES}/{row.name}.png", hashlib.sha256(result.picture).hexdigest()
            write_whole(self.folder / output, result.picture)
        finished_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        told = told_of(row, result, output, digest, self.plan)
        return Line(row.number, told, timing_of(row, result, finished_at))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.journal.__exit__(*error)
        os.close(self._lock)
