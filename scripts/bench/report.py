"""What a benchmark tells: a table while people look, a page with plots for later, and one JSON line last."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from scripts.batch.disk import write_whole
from scripts.bench.machine import Machine
from scripts.bench.plots import Plot, drawn
from scripts.bench.spread import Spread

FOLDER = Path("benchmarks")
WIDTH = 160  # characters of a row: a narrow terminal breaks it, which is better than cutting figures short
TEMPLATE = Path(__file__).parent / "page.html"


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` hold what `str` shows well; a `Spread` shows its interval."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Report:
    """One run. `name` names its files, and the next run of that name on such a machine writes over them.

    `figures`: what the last line says, by name; a `Spread` is told as its median there and its interval under
    `spread`. `notes`: how it was measured and what it does not show, a sentence each.
    """

    name: str
    title: str
    command: str
    machine: Machine
    figures: Mapping[str, Any]
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    notes: Sequence[str] = ()
    measured_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def page(self) -> Path:
        """Where its page lies by default, below the current folder."""
        return FOLDER / self.machine.slug / f"{self.name}.html"

    def told(self) -> dict[str, Any]:
        """The last line."""
        return {
            "benchmark": self.name,
            **_medians(self.figures),
            "spread": _intervals(self.figures),
            "command": self.command,
            "measured_at": self.measured_at.isoformat(timespec="seconds"),
            "machine": self.machine.told(),
        }

    def html(self) -> str:
        """A page that needs nothing beside itself."""
        from jinja2 import Environment

        environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        plots = [(plot, drawn(plot, f"p{number}")) for number, plot in enumerate(self.plots)]
        tables = [(table, [list(map(_cells, row)) for row in table.rows]) for table in self.tables]
        return environment.from_string(TEMPLATE.read_text()).render(report=self, tables=tables, plots=plots)


def publish(report: Report, page: Path | None = None) -> None:
    """Print the tables, write the page and, beside it, what the last line says; print that line.

    `page`: instead of the report's own; its folder is made.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, WIDTH)
    for table in report.tables:
        console.print(_rich(table))
    for note in report.notes:
        console.print(f"- {note}", markup=False)
    console.print(f"{report.machine.sentence}; {report.machine.revision}", markup=False, style="dim")
    console.print(f"page     {write(report, page)}", markup=False)
    print(json.dumps(report.told()), flush=True)


def write(report: Report, page: Path | None = None) -> Path:
    """The page and, beside it, what the last line says; where the page lies. Each is whole or the one before."""
    path = page or report.page
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, text in ((path, report.html()), (path.with_suffix(".json"), f"{json.dumps(report.told())}\n")):
        write_whole(file, text.encode())
    return path


def check_writable(page: Path | None) -> None:
    """That the page can be written, before anything is measured for it; None: below the current folder.

    Raises:
        typer.BadParameter: it cannot.
    """
    folder = (page or FOLDER / "page").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise typer.BadParameter(f"Nothing can be written into {folder}: {error.strerror}. Choose another.") from error


def progress() -> Progress:
    """Shown on stderr while it runs, so that stdout stays the result."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))


def cell(value: object) -> str:
    """As a table shows it: four figures of a float, thousands apart."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return "" if value is None else str(value)


def _cells(value: object) -> tuple[str, str]:
    """As a page shows it: what it is, and below that its interval."""
    return (f"{value.median:.3g}", value.interval) if isinstance(value, Spread) else (cell(value), "")


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for number, name in enumerate(table.columns):
        shown.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in table.rows:
        shown.add_row(*map(cell, row))
    return shown


def _medians(value: Any) -> Any:
    if isinstance(value, Spread):
        return value.median
    if isinstance(value, Mapping):
        return {str(name): _medians(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_medians(one) for one in value]
    return value


def _intervals(figures: Mapping[Any, Any], prefix: str = "") -> dict[str, list[float]]:
    """By dotted name."""
    intervals: dict[str, list[float]] = {}
    for name, value in figures.items():
        if isinstance(value, Spread):
            intervals[f"{prefix}{name}"] = [value.low, value.high]
        elif isinstance(value, Mapping):
            intervals |= _intervals(value, f"{prefix}{name}.")
    return intervals
