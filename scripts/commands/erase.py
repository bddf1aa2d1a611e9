"""`fitting-room erase`: all that is kept of a shopper, or of a shop's shoppers, is deleted at once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from redis.asyncio import Redis

from api import emails
from scripts.options import Data, settings_with
from scripts.shoppers import ClientId, Customer, Shop, eraser_of, identity_of

All = Annotated[bool, typer.Option("--all", help="Everybody's of this shop.")]


def run(
    shop: Shop, customer: Customer = None, client_id: ClientId = None, everybody: All = False, data: Data = None
) -> None:
    """Delete photographs, pictures, generations in any state, and the names of counters. May be repeated.

    Looks at every record, so it finds what Redis has lost its notes of, too. The last line is JSON: what was found.
    """
    settings = settings_with(data=data)
    if everybody and (customer or client_id):
        raise typer.BadParameter("--all is everybody: name no shopper with it.")
    identity = "" if everybody else identity_of(settings, shop, customer, client_id)
    with eraser_of(settings) as (eraser, _):
        num_emails = asyncio.run(_emails(settings.redis_url, shop, identity))
        erased = eraser.shop(shop) if everybody else eraser.shopper(shop, identity, everywhere=True)
    print(json.dumps(asdict(erased) | {"emails": num_emails}))


async def _emails(redis_url: str, shop: str, identity: str) -> int:
    """How many addresses were on their way to the shop, and are not; everybody's without an `identity`."""
    async with Redis.from_url(redis_url) as redis:
        return await (emails.forget(redis, shop, identity=identity) if identity else emails.forget_all(redis, shop))
