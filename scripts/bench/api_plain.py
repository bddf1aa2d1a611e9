"""The plain app that the submit path is measured against: FastAPI and RQ as their tutorials put them together.

It asks what the contract asks (whose key, may this shopper, is there such a photograph and product) with one command
of Redis after another from the thread pool, and so admits a few too many when shoppers hurry.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job

WEEK_S = 7 * 24 * 3600
STATUSES = {"queued": "PENDING", "started": "PROCESSING", "finished": "COMPLETED"}


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class TryOn(Model):
    user_image_id: str = Field(min_length=1, max_length=512)
    product_id: str = Field(pattern=r"^gid://shopify/Product/[0-9]{1,20}$")


class TryOnReply(Model):
    job_id: str
    message: str


class GenerationReply(Model):
    generation_id: str
    status: str
    created_at: datetime | None


def plain_app(redis: Redis, photos: Path, products: dict[str, str], shops: dict[str, str]) -> FastAPI:
    """`products`: id -> garment's key. `shops`: API key -> shop. Limit and quota are wide: the load stays below."""
    app = FastAPI()
    queue = Queue("paperdoll", connection=redis)

    def shop_of(key: str) -> str:
        if key not in shops:
            raise HTTPException(401)
        return shops[key]

    def take(counter: str, maximum: int, term_s: int) -> None:
        if int(redis.get(counter) or 0) >= maximum:
            raise HTTPException(429)
        redis.incr(counter)
        redis.expire(counter, term_s)

    @app.post("/public/fitting-room")
    def try_on(
        wanted: TryOn, x_api_key: Annotated[str, Header()], x_shopper_id: Annotated[str, Header()]
    ) -> TryOnReply:
        shop = shop_of(x_api_key)
        if not (photos / wanted.user_image_id).is_file() or wanted.product_id not in products:
            raise HTTPException(404)
        take(f"limit:{shop}:{x_shopper_id}", 10, WEEK_S)
        take(f"quota:{shop}", 10**9, 31 * 24 * 3600)
        job = queue.enqueue(
            "fitting_room.generate",
            {"person": wanted.user_image_id, "garment": products[wanted.product_id], "shop": shop},
            job_timeout=600,
            result_ttl=WEEK_S,
            failure_ttl=WEEK_S,
            meta={"shop": shop},
        )
        return TryOnReply(job_id=job.id, message="Generation job created successfully")

    @app.get("/public/generation/{job_id}")
    def status(job_id: str, x_api_key: Annotated[str, Header()]) -> GenerationReply:
        shop = shop_of(x_api_key)
        try:
            job = Job.fetch(job_id, connection=redis)
        except NoSuchJobError:
            raise HTTPException(404) from None
        if job.meta.get("shop") != shop:
            raise HTTPException(404)
        return GenerationReply(
            generation_id=job.id,
            status=STATUSES.get(job.get_status(refresh=False) or "", "FAILED"),
            created_at=job.created_at,
        )

    return app


if __name__ == "__main__":
    app = plain_app(
        Redis.from_url(os.environ["REDIS_URL"]),
        Path(os.environ["PHOTOS"]),
        {os.environ["PRODUCT"]: "garments/one.png"},
        {os.environ["API_KEY"]: os.environ["SHOP"]},
    )
    uvicorn.run(app, host="127.0.0.1", port=0)
