"""The supervisor of a machine's workers, made from the settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from redis import Redis

from api.settings import Settings
from inference.blobs import BlobStore
from inference.options import GIB, Budgets, EngineOptions
from models.catalog import name_of
from scripts.options import FITTING_ROOM, card_of, make_data_folder

if TYPE_CHECKING:
    from inference.supervisor import Supervisor

REDIS_TIMEOUT_S = 5
LARGEST_KEPT = 2**25  # bytes of one freed block, as many as glibc takes
MOST_KEPT = 2**33  # of all together


def worker_argvs(settings: Settings, devices: list[str], num_workers: int | None) -> list[list[str]]:
    """A command for each worker, the devices dealt out in turn.

    Raises:
        models.catalog.CardError: there is no such card, or its licence is not accepted.
    """
    card_of(settings)
    count = num_workers or len(devices)
    if "cpu" in devices:
        # Several processes with as many threads each as there are cores only get in each other's way.
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
        # Else glibc returns large blocks to the kernel, which clears each page anew for the next tensor. One threshold
        # set alone makes it worse: the other then stays small.
        os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(LARGEST_KEPT))
        os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(MOST_KEPT))
    common = [*FITTING_ROOM, "worker", "--card", settings.card, "--data", str(settings.data)]
    common += [part for name in settings.accepted_licences for part in ("--accept-licence", name)]
    return [[*common, "--device", devices[index % len(devices)]] for index in range(count)]


def engine_options(settings: Settings) -> EngineOptions:
    return EngineOptions(
        cache_folder=settings.cache_folder,
        reuse=_budgets(settings),
        batch_window_s=settings.batch_window_ms / 1000,
        overlap=settings.stages == "overlap",
    )


def _budgets(settings: Settings) -> Budgets:
    gib = (settings.reuse_device_gib, settings.reuse_host_gib, settings.reuse_disk_gib)
    on_device, on_host, on_disk = (round(size * GIB) for size in gib)
    return Budgets(on_device, on_host, on_disk, settings.reuse_person_s)


def supervisor(settings: Settings, argvs: list[list[str]]) -> Supervisor:
    """Over the settings' Redis, store and webhooks; purges what has outlived its term."""
    from inference.purging import Purge
    from inference.supervisor import Supervisor  # a worker, which starts by the way of this file, has no use for them
    from inference.webhooks import WebhookTarget

    make_data_folder(settings)
    targets = {
        shop.domain: WebhookTarget(shop.webhook_url, shop.webhook_secret)
        for shop in settings.shops
        if shop.webhook_url and shop.webhook_secret
    }
    redis = Redis.from_url(settings.redis_url, socket_timeout=REDIS_TIMEOUT_S)
    return Supervisor(
        redis,
        settings.data,
        argvs,
        [name_of(settings.card)],
        webhooks=targets,
        purge=Purge(redis, BlobStore.open(settings.storage_url), settings.terms),
    )
