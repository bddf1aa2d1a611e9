"""For whoever runs the service: is it alive, can it generate."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import QueueDep
from api.errors import NotReady, Unavailable, replies

router = APIRouter(prefix="/health", tags=["Operations"])


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"
    workers: int = Field(ge=1, description="Workers with a fresh heartbeat and their model loaded.")


@router.get("/live")
async def live() -> Alive:
    """This process answers."""
    return Alive()


@router.get("/ready", responses=replies(NotReady, Unavailable))
async def ready(queue: QueueDep) -> Ready:
    """Redis answers, and a worker has loaded its model."""
    workers = await queue.ready_workers()
    if not workers:
        raise NotReady
    return Ready(workers=workers)
