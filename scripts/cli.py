"""`fitting-room`: one command for everything people run. Each command imports what it needs when it runs."""

from __future__ import annotations

import sys

import typer

from api.settings import InvalidSettings
from inference.batching import EngineError
from inference.blobs import StorageError
from inference.redis_server import RedisServerError
from inference.supervisor import SupervisorError
from models.catalog import CardError
from scripts.commands import api, bench, doctor, evaluate, fetch, flops, models, parity, serve, tryon, worker
from scripts.service import ServiceError

SENTENCES = (InvalidSettings, RedisServerError, StorageError, CardError, EngineError, SupervisorError, ServiceError)

app = typer.Typer(
    name="fitting-room",
    help="A self-hosted virtual fitting room.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (serve, api, worker, tryon, evaluate, models, fetch, flops, parity, doctor):
    app.command(name=command.__name__.rsplit(".", 1)[1])(command.run)
app.add_typer(bench.app)


def main() -> None:
    """Run the command line; what a person can mend ends in one sentence, not in a traceback."""
    try:
        app()
    except SENTENCES as error:
        print(f"fitting-room: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
