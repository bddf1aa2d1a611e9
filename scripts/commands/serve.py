"""`fitting-room serve`: Redis, the API and the workers, from one command to one Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import socket
import threading

import httpx
import typer
from rich.console import Console

from api.settings import Settings
from inference import logs
from inference.redis_server import check_version
from scripts.commands.worker import NumWorkers
from scripts.devices import parse_devices
from scripts.options import (
    AcceptLicence,
    Card,
    Data,
    Device,
    Host,
    Port,
    make_data_folder,
    settings_with,
    uses_own_redis,
)
from scripts.service import Api, OwnRedis, Part, Workers, fetch_weights
from scripts.signals import stop_on_signal
from scripts.workers import supervisor, worker_argvs

LOOK_EVERY_S = 0.2

console = Console(highlight=False, soft_wrap=True)


def run(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    workers: NumWorkers = None,
    card: Card = None,
    accept_licence: AcceptLicence = None,
    device: Device = None,
) -> None:
    """Start the whole service on this machine; Ctrl-C ends all."""
    asked = settings_with(device=device, host=host, port=port, data=data, card=card, accepted_licences=accept_licence)
    settings = asked.model_copy(update={"port": _free_port(asked)})
    fetch_weights(settings)
    argvs = worker_argvs(settings, parse_devices(device), workers)
    stop, hurry = threading.Event(), threading.Event()
    stop_on_signal(stop, hurry)
    _log_to(settings)
    with contextlib.ExitStack() as stack:
        parts: list[Part] = []
        if uses_own_redis(settings):
            parts.append(stack.enter_context(OwnRedis(settings)))
        check_version(settings.redis_url)
        console.print("redis    ready")
        api = stack.enter_context(Api(settings))
        parts += [api, stack.enter_context(Workers(supervisor(settings, argvs), hurry))]
        _run_until(stop, parts, api, settings, len(argvs))
        console.print(
            "stopping: the pictures that are being made are finished first; "
            "Ctrl-C again leaves them to the next start, nothing is lost"
        )


def _run_until(stop: threading.Event, parts: list[Part], api: Api, settings: Settings, num_workers: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    workers = f"{num_workers} x {settings.card}"
    news = [
        (
            "/health/live",
            f"api      ready   {url}, its documentation at {url}/docs\n"
            f"worker   starts  {workers}: the model is loaded and warmed up",
        ),
        (
            "/health/ready",
            f"worker   ready   {workers}\n\nOpen {url} (logs: {settings.data}/logs){_way_here(settings)}",
        ),
    ]
    with httpx.Client(base_url=url, timeout=2, trust_env=False) as client:
        while not stop.wait(LOOK_EVERY_S):
            for part in parts:
                part.keep()
            while news and _answers(client, news[0][0]):
                console.print(news.pop(0)[1])
                api.has_been_ready = True


def _way_here(settings: Settings) -> str:
    """For whoever is logged in from elsewhere, where a browser does not reach this machine's loopback."""
    if settings.mode != "open" or not os.environ.get("SSH_CONNECTION"):
        return ""
    port = settings.port
    return f"\nFrom your own machine: log in with `ssh -L {port}:127.0.0.1:{port}` and open the same address there."


def _answers(client: httpx.Client, path: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return client.get(path).is_success
    return False


def _free_port(wanted: Settings) -> int:
    """The port to use; 0 becomes a free one, so that the API gets the same again when it is started again.

    Raises:
        typer.BadParameter: the port is taken.
    """
    family = socket.AF_INET6 if ":" in wanted.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((wanted.host, wanted.port))
        except OSError as error:
            raise typer.BadParameter(
                f"port {wanted.port} on {wanted.host}: {error.strerror}. Choose another --port."
            ) from None
        return int(probe.getsockname()[1])


def _log_to(settings: Settings) -> None:
    folder = make_data_folder(settings) / "logs"
    folder.mkdir(exist_ok=True)
    logs.configure(settings.log_format, "serve", folder / "serve.log")
