"""`fitting-room compare`: judged runs side by side, as one page that opens anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from models.catalog import CardError


def run(
    runs: Annotated[list[Path], typer.Argument(help="Two or more run folders that `evaluate` has judged.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("comparison.html"),
    pictures: Annotated[int, typer.Option(min=1, help="Rows of pictures for each order, and to vote on.")] = 12,
) -> None:
    """Compare runs with the first of them. The last line is one JSON object."""
    from scripts.compare.comparison import compared
    from scripts.compare.page import html

    if len(runs) < 2:
        raise CardError("Name two run folders or more: the first is what the others are compared with.")
    found = compared(runs, pictures)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(html(found), encoding="utf-8")
    told = {run["name"]: found["metrics"] for run in found["runs"][1:]}
    verdicts = {
        name: {metric["name"]: metric["differences"][number] for metric in metrics if metric["differences"][number]}
        for number, (name, metrics) in enumerate(told.items())
    }
    for name, differences in verdicts.items():
        print(_sentence(name, found["runs"][0]["name"], [difference["verdict"] for difference in differences.values()]))
    print(f"page     {output}")
    print(json.dumps({"page": str(output), "protocol_id": found["protocol_id"], "differences": verdicts}))


def _sentence(name: str, first: str, verdicts: list[str]) -> str:
    num = {verdict: verdicts.count(verdict) for verdict in ("better", "worse", "unclear")}
    return (
        f"{name}: of {len(verdicts)} figures, better than {first} in {num['better']}, worse in {num['worse']}, "
        f"no clear difference in {num['unclear']}"
    )
