"""`fitting-room bench`: what it measures of the engine, the service and the API, beside what they are compared with."""

from __future__ import annotations

import typer

from scripts.bench import api, approximations, engine, service, start

app = typer.Typer(
    name="bench",
    help="Measure on this machine: a table, a page with plots under benchmarks/, and one JSON line last.",
    no_args_is_help=True,
)
for benchmark in (engine, service, api, start, approximations):
    app.command(name=benchmark.__name__.rsplit(".", 1)[1])(benchmark.run)
