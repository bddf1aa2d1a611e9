"""The state of a generation: asked, followed, cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.contract import GenerationReply
from api.dependencies import LinksDep, ServicesDep, caller_of, services_of
from api.errors import GenerationNotFound, Unauthorised, Unavailable, replies
from api.links import Links
from api.streams import until
from inference.jobs import Generation
from inference.logs import concern

router = APIRouter(
    prefix="/public/generation/{generation_id}",
    tags=["Generations"],
    responses=replies(Unauthorised, GenerationNotFound, Unavailable),
)


async def generation_of_shop(generation_id: str, request: Request) -> Generation:
    """The generation as it stands; another shop's is as unknown as one that never was."""
    shop = caller_of(request).shop
    found = await services_of(request).queue.find(generation_id, shop.domain)
    if found is None:
        raise GenerationNotFound
    concern(found.generation_id)
    return found


GenerationDep = Annotated[Generation, Depends(generation_of_shop)]


@router.get("", response_model_exclude_none=True)
async def generation_status(found: GenerationDep, links: LinksDep, response: Response) -> GenerationReply:
    """Where a generation stands. Poll every 2 seconds, and stop at COMPLETED or FAILED."""
    response.headers["Cache-Control"] = "no-store"
    return _told(found, links)


@router.delete("", response_model_exclude_none=True)
async def cancel_generation(
    found: GenerationDep, shared: ServicesDep, links: LinksDep, response: Response
) -> GenerationReply:
    """End a waiting generation now, a running one between two steps. It counts against no limit."""
    response.headers["Cache-Control"] = "no-store"
    cancelled = await shared.queue.cancel(found.generation_id, found.shop)
    return _told(cancelled or found, links)


async def stream_place(shared: ServicesDep) -> AsyncIterator[None]:
    with shared.streams.one():
        yield


@router.get("/events", response_class=EventSourceResponse, dependencies=[Depends(stream_place)])
async def generation_events(
    found: GenerationDep, shared: ServicesDep, links: LinksDep
) -> AsyncIterator[ServerSentEvent]:
    """Every change as a server-sent event `generation` with the body of the plain GET, until COMPLETED or FAILED."""
    async for change in until(shared.closing, shared.queue.watch(found.generation_id, found.shop)):
        yield ServerSentEvent(event="generation", data=_told(change, links).wire())


def _told(generation: Generation, links: Links) -> GenerationReply:
    url = links.picture(generation.result_key) if generation.result_key else None
    return GenerationReply.of(generation, url)
