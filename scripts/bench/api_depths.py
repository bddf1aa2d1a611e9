"""What submit and status cost while many jobs wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.bench.api_rounds import fill, measure
from scripts.bench.report import Table
from scripts.bench.spread import ratio_of, spread_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress

    from scripts.bench.api_servers import Servers

NUM_CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Cost:
    figures: dict[str, Any]
    table: Table


def depths_of(text: str) -> tuple[int, ...]:
    """`10,1000` -> (10, 1000).

    Raises:
        typer.BadParameter: it is no list of whole numbers.
    """
    import typer

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"--waiting takes whole numbers with commas between, such as 10,1000, not {text}.")
    return tuple(sorted({int(part) for part in parts}))


def measure_depths(started: Servers, depths: Sequence[int], rounds: int, seconds: float, shown: Progress) -> Cost:
    """Milliseconds that 8 clients wait, beside those at the smallest depth; an API process for each depth, by turns."""
    task = shown.add_task("waiting jobs", total=len(depths) * (rounds + 1))
    subjects = {}
    for depth in depths:
        subjects[str(depth)] = started.ours()
        asyncio.run(fill(subjects[str(depth)].url, depth))
        shown.advance(task)
    measured = measure(subjects, (NUM_CLIENTS,), rounds=rounds, measured_s=seconds, on_step=lambda: shown.advance(task))
    least = measured[str(depths[0]), NUM_CLIENTS]
    figures, rows = {}, []
    for depth in depths:
        found = measured[str(depth), NUM_CLIENTS]
        told = {
            "submit_ms": spread_of(found.submit.p50_ms),
            "submit_ratio": ratio_of(found.submit.p50_ms, least.submit.p50_ms),
            "status_ms": spread_of(found.status.p50_ms),
            "status_ratio": ratio_of(found.status.p50_ms, least.status.p50_ms),
        }
        figures[str(depth)] = told
        rows.append((depth, *told.values()))
    columns = ("waiting", "submit p50 ms", "to the fewest", "status p50 ms", "to the fewest")
    return Cost({"cost_by_waiting": figures}, Table(f"Cost at {NUM_CLIENTS} clients", columns, rows))
