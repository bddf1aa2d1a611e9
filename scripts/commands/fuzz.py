"""`fitting-room fuzz`: hostile pictures for the decoders, from a seed."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from scripts.fuzz.run import Found, fuzz

Inputs = Annotated[int, typer.Option(min=1, help="How many pictures.")]
Seed = Annotated[int, typer.Option(help="Another one, other pictures.")]
HttpShare = Annotated[float, typer.Option(min=0, max=1, help="Of them, those that go through an upload over HTTP.")]

console = Console(stderr=True)


def run(inputs: Inputs = 20_000, seed: Seed = 1, http_share: HttpShare = 0.05) -> None:
    """Give damaged, lying and enormous pictures to what decodes uploads; a table, and one JSON line last.

    Ends with 1 when a reply was an error of the server's, one hung, a process went over its memory, or a refusal was no
    clear sentence.
    """
    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("pictures", total=inputs)
        found = fuzz(inputs, seed, http_share, lambda: progress.advance(task))
    console.print(_table(found))
    told = {name: value for name, value in vars(found).items() if name != "sentences"}
    print(json.dumps(told | {"seed": seed}))
    raise typer.Exit(0 if found.is_clean else 1)


def _table(found: Found) -> Table:
    table = Table("refused with", "times")
    for sentence, times in found.sentences.most_common(20):
        table.add_row(sentence, str(times))
    return table
