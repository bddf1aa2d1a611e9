"""What a storefront's pages tell of what shoppers do: counted once each, and kept only where the operator says so."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from api.contract import Model

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio import Redis

SEEN = "fitting-room:event:"  # + shop:digest of an insert id
SEEN_S = 86400
MOST = 50
ACTIONS = (
    *("button_click", "image_upload", "generation_start", "result_view", "share_clicked", "download_clicked"),
    *("add_to_cart_clicked", "add_to_cart_success", "email_collected"),
)
KNOWN = {*(f"widget:{action}" for action in ACTIONS), "product_page:page_view", "product_page:cart_add"}
OTHER = "other"  # in the metrics, where a shopper may add no names

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]", re.ASCII)
EVENT: JsonDict = {"event": "widget:button_click", "timestamp": "2026-11-24T10:00:00Z", "$insert_id": "7f3c"}


def _written(moment: object) -> object:
    """A number would be taken for seconds since the epoch."""
    if not isinstance(moment, str) or not MOMENT.match(moment):
        raise ValueError("must be a moment as 2026-11-24T10:00:00Z")
    return moment


class Event(Model):
    event: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(description="`category:action`")
    properties: dict[str, Any] = Field({})
    timestamp: Annotated[AwareDatetime, BeforeValidator(_written, json_schema_input_type=AwareDatetime)]
    insert_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(
        alias="$insert_id", description="Yours to choose: an event that is sent again with it counts once in a day."
    )

    @property
    def name(self) -> str:
        return self.event if self.event in KNOWN else OTHER


class Events(Model):
    model_config = ConfigDict(json_schema_extra={"example": {"events": [EVENT], "context": {"$timezone": "UTC"}}})

    events: list[Event] = Field(min_length=1, max_length=MOST)
    context: dict[str, Any]


async def new_events(redis: Redis, shop: str, events: list[Event]) -> list[Event]:
    """Those that were not told before."""
    async with redis.pipeline(transaction=False) as pipeline:
        for event in events:
            digest = hashlib.sha256(event.insert_id.encode()).hexdigest()[:32]
            pipeline.set(f"{SEEN}{shop}:{digest}", "", ex=SEEN_S, nx=True)
        is_new = await pipeline.execute()
    return [event for event, new in zip(events, is_new, strict=True) if new]


def append(file: Path, shop: str, events: list[Event], context: dict[str, Any]) -> None:
    """One line of JSON each, as they were told."""
    told = (event.model_dump(mode="json", by_alias=True) for event in events)
    lines = [json.dumps({"shop": shop, **one, "context": context}) + "\n" for one in told]
    with file.open("a", encoding="utf-8") as out:
        out.write("".join(lines))
