"""For whoever runs the service: is it alive, can it generate, what does it do."""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from api.dependencies import QueueDep, ServicesDep, SettingsDep
from api.errors import NotFound, NotReady, Unauthorised, Unavailable, replies
from api.exposition import exposition
from api.settings import Settings
from inference.overview import Overview
from inference.queue import GenerationQueue
from models.catalog import name_of

log = logging.getLogger(__name__)
router = APIRouter(tags=["Operations"])

PATIENCE_S = 5  # with Redis; Prometheus waits for 10


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"
    workers: int = Field(ge=1, description="Workers of this card with a fresh heartbeat and their model loaded.")


@router.get("/health/live")
async def live() -> Alive:
    """This process answers."""
    return Alive()


@router.get("/health/ready", responses=replies(NotReady, Unavailable))
async def ready(queue: QueueDep, settings: SettingsDep) -> Ready:
    """Redis answers, and a worker with a fresh heartbeat has the model loaded that makes this service's pictures."""
    workers = await queue.ready_workers(name_of(settings.card))
    if not workers:
        raise NotReady
    return Ready(workers=workers)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, shared: ServicesDep) -> Response:
    """For Prometheus, by the token of the settings; `open` mode, which answers this machine only, needs none."""
    _check_reader(request, shared.settings)
    seen = await _overview(shared.queue)
    accepted = request.headers.get("accept", "")
    # A large text is put together while the other requests go on.
    text, kind = await asyncio.to_thread(exposition, shared.metrics, seen, shared.settings.max_queue_length, accepted)
    return Response(text, headers={"Content-Type": kind, "Cache-Control": "no-store"})


async def _overview(queue: GenerationQueue) -> Overview | None:
    """None when Redis does not answer: what this process counts is told all the same."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await queue.overview()
    except (RedisError, TimeoutError) as error:
        log.error("Redis failed a scrape: %s", error)
        return None


def _check_reader(request: Request, settings: Settings) -> None:
    token = settings.metrics_token.get_secret_value()
    if not token and settings.mode != "open":
        raise NotFound
    given = request.headers.get("authorization", "")
    if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise Unauthorised(
            "Send the metrics_token of the settings as a bearer token.", headers={"WWW-Authenticate": "Bearer"}
        )
