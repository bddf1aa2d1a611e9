"""What a run shows while it is at work."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from scripts.batch.results import Result

SHOWN_FAILURES = 5


class RateColumn(TextColumn):
    """Rows a second, or seconds a row."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f} rows/s" if speed >= 1 else f"{1 / speed:.1f} s/row")


class Shown:
    """A bar on stderr with the rate, the time left and the failures, the first of which are told; a context manager."""

    def __init__(self, num_rows: int) -> None:
        self.num_failed = 0
        self._progress = Progress(
            TextColumn("batch"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("batch", total=num_rows, note="")

    def begin(self, num_done: int, note: str = "") -> None:
        """So many were done before; `note` stands beside the bar until the next is."""
        self._progress.reset(self._task, completed=num_done, note=note)

    def told(self, results: Sequence[Result]) -> None:
        """These rows are done."""
        for result in results:
            if result.error:
                self._tell_failure(result)
        note = f"[red]{self.num_failed} failed" if self.num_failed else ""
        self._progress.update(self._task, advance=len(results), note=note)

    def _tell_failure(self, result: Result) -> None:
        self.num_failed += 1
        if self.num_failed <= SHOWN_FAILURES:
            more = "" if self.num_failed < SHOWN_FAILURES else " (further ones are told in the manifest)"
            self._progress.console.print(f"row {result.row}: {result.error}{more}", style="red", markup=False)

    def __enter__(self) -> Shown:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
