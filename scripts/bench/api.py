"""`fitting-room bench api`: how many submissions and polls one API process answers, beside a plain app."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from scripts.bench.api_rounds import Measured
    from scripts.bench.report import Table

NUM_CLIENTS = (8, 32)
OURS, PLAIN = "fitting-room", "plain"

Rounds = Annotated[int, typer.Option(min=1, help="Rounds in which the servers take turns.")]
Seconds = Annotated[float, typer.Option(min=0.1, help="Seconds of load for each figure of a round.")]
Waiting = Annotated[
    str,
    typer.Option(help="Also the cost at these numbers of waiting jobs, such as 10,1000,100000."),
]
Page = Annotated[Path | None, typer.Option(dir_okay=False, help="Where the page goes, instead of benchmarks/.")]

NOTES = (
    "Each server is one process of uvicorn over one Redis with its append-only file on; the load comes from one more "
    "process, all on the same cores.",
    "The plain app is scripts/bench/api_plain.py: FastAPI, limit and quota by GET and INCR, Queue.enqueue in the "
    "thread pool.",
    "After every round the jobs that wait are counted: exactly those that were accepted.",
)


def run(rounds: Rounds = 5, seconds: Seconds = 2.0, waiting: Waiting = "", page: Page = None) -> None:
    """Load the API and a plain app by turns. The last line is one JSON object."""
    from scripts.bench.api_depths import depths_of, measure_depths
    from scripts.bench.api_rounds import measure
    from scripts.bench.api_servers import servers
    from scripts.bench.machine import this_machine
    from scripts.bench.report import Report, check_writable, progress, publish

    depths = depths_of(waiting)
    check_writable(page)
    with progress() as shown, servers() as started:
        subjects = {OURS: started.ours(), PLAIN: started.plain()}
        task = shown.add_task("submit and status", total=rounds * len(subjects) * len(NUM_CLIENTS))
        measured = measure(
            subjects, NUM_CLIENTS, rounds=rounds, measured_s=seconds, on_step=lambda: shown.advance(task)
        )
        cost = measure_depths(started, depths, rounds, seconds, shown) if depths else None
    publish(
        Report(
            name="api",
            title="API: submit and status",
            command=f"fitting-room {shlex.join(sys.argv[1:])}",
            machine=this_machine(),
            figures=_figures(measured) | (cost.figures if cost else {}),
            tables=[*(_table(measured, what) for what in ("submit", "status")), *([cost.table] if cost else [])],
            notes=NOTES,
        ),
        page,
    )


def _figures(measured: dict[tuple[str, int], Measured]) -> dict[str, Any]:
    """Ratios are ours over the plain app's, but `status_to_submit_ratio`: of our own rates."""
    from scripts.bench.spread import ratio_of

    figures: dict[str, Any] = {}
    for num in NUM_CLIENTS:
        ours, plain = measured[OURS, num], measured[PLAIN, num]
        figures[f"clients_{num}"] = {
            "submit_rate_ratio": ratio_of(ours.submit.rate, plain.submit.rate),
            "submit_p99_ratio": ratio_of(ours.submit.p99_ms, plain.submit.p99_ms),
            "status_rate_ratio": ratio_of(ours.status.rate, plain.status.rate),
            "status_to_submit_ratio": ratio_of(ours.status.rate, ours.submit.rate),
            **{name: _absolute(measured[name, num]) for name in (OURS, PLAIN)},
        }
    few = figures[f"clients_{NUM_CLIENTS[0]}"]
    return {name: few[name] for name in ("submit_rate_ratio", "submit_p99_ratio", "status_rate_ratio")} | figures


def _absolute(measured: Measured) -> dict[str, Any]:
    from scripts.bench.spread import spread_of

    return {
        f"{what}_{figure}": spread_of(getattr(getattr(measured, what), field))
        for what in ("submit", "status")
        for figure, field in (("requests_s", "rate"), ("p50_ms", "p50_ms"), ("p99_ms", "p99_ms"))
    }


def _table(measured: dict[tuple[str, int], Measured], what: str) -> Table:
    from scripts.bench.report import Table

    rows = []
    for (name, num), figures in measured.items():
        told = _absolute(figures)
        rows.append((name, num, *(told[f"{what}_{figure}"] for figure in ("requests_s", "p50_ms", "p99_ms"))))
    return Table(what.capitalize(), ("server", "clients", "requests/s", "p50 ms", "p99 ms"), rows)
