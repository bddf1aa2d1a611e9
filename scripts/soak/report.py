"""The soak's table, and its last line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from scripts.soak.findings import Findings
from scripts.soak.plan import Plan

KEPT = {True: "yes", False: "[bold red]NO[/]", None: ""}


def table(found: Sequence[Findings]) -> Table:
    """Every stage's rows under its name."""
    shown = Table(title="What the soak did and found", title_justify="left", box=None, padding=(0, 2, 0, 0))
    shown.add_column("", no_wrap=True)
    shown.add_column("found", overflow="fold")
    shown.add_column("as it must be", no_wrap=True)
    for each in found:
        shown.add_row(f"[bold]{each.stage}[/]", "", "")
        for row in each.rows:
            shown.add_row(row.what, row.found.replace("[", r"\["), KEPT[row.kept])
    return shown


def last_line(plan: Plan, found: Sequence[Findings]) -> dict[str, Any]:
    """The figures of the stage `kills` by their names, of the others below the stage's."""
    told: dict[str, Any] = {}
    for each in found:
        told |= each.figures if each.stage == "kills" else {each.stage: each.figures}
    return told | {"seed": plan.seed, "good": all(each.is_good for each in found)}
