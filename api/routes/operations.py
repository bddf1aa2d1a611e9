"""For whoever runs the service: is it alive, can it generate."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import QueueDep, SettingsDep
from api.errors import NotReady, Unavailable, replies
from models.catalog import name_of

router = APIRouter(prefix="/health", tags=["Operations"])


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"
    workers: int = Field(ge=1, description="Workers of this card with a fresh heartbeat and their model loaded.")


@router.get("/live")
async def live() -> Alive:
    """This process answers."""
    return Alive()


@router.get("/ready", responses=replies(NotReady, Unavailable))
async def ready(queue: QueueDep, settings: SettingsDep) -> Ready:
    """Redis answers, and a worker with a fresh heartbeat has the model loaded that makes this service's pictures."""
    workers = await queue.ready_workers(name_of(settings.card))
    if not workers:
        raise NotReady
    return Ready(workers=workers)
