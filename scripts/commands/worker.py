"""`fitting-room worker`: the processes that make the pictures, one a device, under a supervisor."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from api.settings import Settings
from inference import logs, tracing
from inference.blobs import BlobStore
from inference.redis_server import check_version
from inference.worker import run_worker
from models.catalog import name_of
from scripts.devices import parse_devices
from scripts.options import AcceptLicence, Card, Data, Device, card_of, settings_with
from scripts.signals import stop_on_signal
from scripts.workers import engine_options, supervisor, worker_argvs

Name = Annotated[str | None, typer.Option(help="Be one bare worker of this name, without a supervisor.")]
NumWorkers = Annotated[int | None, typer.Option(min=1, help="Worker processes; one a device if not given.")]


def run(
    card: Card = None,
    accept_licence: AcceptLicence = None,
    device: Device = None,
    workers: NumWorkers = None,
    data: Data = None,
    name: Name = None,
) -> None:
    """Make the pictures of one card until SIGTERM, which lets the running batches end first."""
    settings = settings_with(device=device, card=card, data=data, accepted_licences=accept_licence)
    logs.configure(settings.log_format, "supervisor" if name is None else "worker")
    devices = parse_devices(device)
    if name is not None:
        _work(settings, devices[0], name)
        return
    argvs = worker_argvs(settings, devices, workers)
    check_version(settings.redis_url)
    stop, hurry = threading.Event(), threading.Event()
    stop_on_signal(stop, hurry)
    supervisor(settings, argvs).run(stop, hurry)


def _work(settings: Settings, device: str, name: str) -> None:
    from inference.engine import Engine  # torch: the supervisor lives without it

    tracing.configure("worker")
    card = card_of(settings)
    check_version(settings.redis_url)
    engine = Engine(card, device, engine_options(settings))
    run_worker(settings.redis_url, name, [name_of(settings.card)], engine, BlobStore.open(settings.storage_url))
