"""A box of simulated GPUs: the real supervisor over workers whose model is a sleep, until SIGTERM."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from inference import logs
from models.catalog import name_of
from scripts.options import settings_with
from scripts.signals import stop_on_signal
from scripts.workers import supervisor

PYTHON = (sys.executable, "-P", "-m")
WORKER = "scripts.bench.live.simulated"


def argv(picture_s: float, num_workers: int, *, program: str = __name__, worker: str = WORKER) -> list[str]:
    """The command of a box of `num_workers`, each `picture_s` seconds a picture; `program` and `worker` are modules."""
    named = ["--picture-s", str(picture_s), "--workers", str(num_workers), "--worker", worker]
    return [*PYTHON, program, *named]


def main(
    picture_s: Annotated[float, typer.Option()],
    workers: Annotated[int, typer.Option(min=1)],
    data: Annotated[Path, typer.Option()],
    worker: Annotated[str, typer.Option()] = WORKER,
) -> None:
    """Run the workers over the Redis and the store that the settings name."""
    logs.configure(None, "supervisor")
    settings = settings_with(data=data)
    where = ["--redis", settings.redis_url, "--storage", settings.storage_url, "--queue", name_of(settings.card)]
    stop = threading.Event()
    stop_on_signal(stop)
    supervisor(settings, [[*PYTHON, worker, *where, "--picture-s", str(picture_s)]] * workers).run(stop)


if __name__ == "__main__":
    typer.run(main)
