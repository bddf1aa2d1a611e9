"""`fitting-room soak`: pulls every plug of a whole service, floods it, and proves from its books what held."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.soak.marks import Marks
from scripts.soak.plan import Plan, Site
from scripts.soak.report import last_line, table
from scripts.soak.stages import STAGES

Jobs = Annotated[int, typer.Option(min=1, help="Generations asked for under fire.")]
Kills = Annotated[int, typer.Option(min=0, help="Parts killed with SIGKILL meanwhile.")]
Seed = Annotated[int | None, typer.Option(help="Of all that is chance; told in the last line.")]
Only = Annotated[list[str] | None, typer.Option(help=f"Only this stage, repeatable: {', '.join(STAGES)}.")]
Keep = Annotated[Path | None, typer.Option(help="Keep all files in this new folder, with a short path.")]


def run(jobs: Jobs = 2000, kills: Kills = 100, seed: Seed = None, stage: Only = None, keep: Keep = None) -> None:
    """Kill, restart and flood a whole service of simulated workers. Ends with 1 when anything was lost."""
    if unknown := set(stage or ()) - set(STAGES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the stages are {', '.join(STAGES)}.")
    plan, marks = Plan(jobs, kills, int(time.time()) if seed is None else seed), Marks()
    found = []
    with tempfile.TemporaryDirectory(prefix="fr-") as folder, _progress() as progress:
        for name in stage or STAGES:
            place = (keep or Path(folder)) / name
            place.mkdir(parents=True)
            found.append(STAGES[name](Site(place, plan, marks, progress)))
    Console(highlight=False, width=160).print(table(found))
    print(json.dumps(last_line(plan, found)), flush=True)
    raise typer.Exit(0 if all(each.is_good for each in found) else 1)


def _progress() -> Progress:
    """On stderr, so that stdout stays the result."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))
