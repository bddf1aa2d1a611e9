"""`fitting-room top`: queue, shops, workers and GPUs, live."""

from __future__ import annotations

import threading
from typing import Annotated

import typer
from redis import Redis
from redis.exceptions import RedisError
from rich.console import Console
from rich.live import Live

from inference.overview import Overview
from inference.redis_server import check_version
from scripts.options import Data, settings_with
from scripts.signals import stop_on_signal
from scripts.top.frame import frame
from scripts.top.rates import History

TIMEOUT_S = 3

Once = Annotated[bool, typer.Option("--once", help="Print one frame and end.")]
Every = Annotated[float, typer.Option(min=0.2, help="Seconds between two frames.")]


def run(once: Once = False, every: Every = 1.0, data: Data = None) -> None:
    """Watch the service whose Redis the settings (or REDIS_URL) name, from any machine; Ctrl-C ends it."""
    settings = settings_with(data=data)
    history, console = History(), Console()
    with Redis.from_url(settings.redis_url, socket_timeout=TIMEOUT_S) as redis:
        if once:
            check_version(settings.redis_url)
            history.add(Overview.look(redis))
            console.print(frame(history, console.width))
            return
        stop = threading.Event()
        stop_on_signal(stop)  # an exception could be raised, and lost, anywhere in a library
        with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
            while not stop.is_set():
                trouble = _look(redis, history)
                live.update(frame(history, console.width, trouble), refresh=True)
                stop.wait(every)


def _look(redis: Redis, history: History) -> str:
    """Add a look; what is wrong when there is none to be had."""
    try:
        history.add(Overview.look(redis))
    except RedisError as error:
        return f"Redis does not answer ({error}); it is asked again."
    return ""
