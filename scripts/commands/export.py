"""`fitting-room export`: what is held about a shopper, to be handed to them."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from redis import Redis

from api.export import held, requests_of
from scripts.options import Data, settings_with
from scripts.shoppers import ClientId, Customer, Shop, eraser_of, identity_of

Requests = Annotated[
    bool, typer.Option("--requests", help="Instead: whom the shop asked about, by Shopify, in the last 30 days.")
]


def run(
    shop: Shop, customer: Customer = None, client_id: ClientId = None, requests: Requests = False, data: Data = None
) -> None:
    """Print one line of JSON: ids, times, states and consent of what is held about a shopper, and no picture."""
    settings = settings_with(data=data)
    if requests:
        with Redis.from_url(settings.redis_url) as redis:
            print(json.dumps(requests_of(redis, shop)))
        return
    identity = identity_of(settings, shop, customer, client_id)
    with eraser_of(settings) as (eraser, blobs):
        print(json.dumps(held(eraser, blobs, shop, identity)))
