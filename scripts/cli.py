"""`fitting-room`: one command for everything people run. Only the one that is named is imported.

A worker's start is told in seconds, and most of what the other commands import it never needs.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import typer

COMMANDS = (
    "serve",
    "api",
    "worker",
    "tryon",
    "batch",
    "evaluate",
    "compare",
    "draw",
    "bars",
    "models",
    "products",
    "fetch",
    "flops",
    "parity",
    "doctor",
    "top",
    "bench",
    "fuzz",
    "soak",
    "erase",
    "export",
)

SENTENCES = {
    "api.products": "ProductsError",
    "api.settings": "InvalidSettings",
    "api.sources.errors": "ShopifyError",
    "inference.batching": "EngineError",
    "inference.blobs": "StorageError",
    "inference.redis_server": "RedisServerError",
    "inference.supervisor": "SupervisorError",
    "models.catalog": "CardError",
    "scripts.batch.rows": "BatchError",
    "scripts.service": "ServiceError",
}
"""Errors that a person can mend: where each is defined -> its name."""


def made(arguments: Sequence[str]) -> typer.Typer:
    """The command line, with the command that is first among `arguments`; with all of them when none is."""
    app = typer.Typer(
        name="fitting-room",
        help="A self-hosted virtual fitting room.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # or a single command would lose its name
    for name in arguments[:1] if set(arguments[:1]) & set(COMMANDS) else COMMANDS:
        command = importlib.import_module(f"scripts.commands.{name}")
        if hasattr(command, "app"):
            app.add_typer(command.app)
        else:
            app.command(name=name)(command.run)
    return app


def main() -> None:
    """Run the command line; what a person can mend ends in one sentence, not in a traceback."""
    try:
        made(sys.argv[1:])()
    except Exception as error:
        if not isinstance(error, _sentences()):
            raise
        print(f"fitting-room: {error}", file=sys.stderr)
        sys.exit(2)


def _sentences() -> tuple[type[Exception], ...]:
    """Those whose modules are loaded: no other can have been raised."""
    loaded = {module: name for module, name in SENTENCES.items() if module in sys.modules}
    return tuple(getattr(sys.modules[module], name) for module, name in loaded.items())


if __name__ == "__main__":
    main()
