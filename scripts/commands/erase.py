"""`fitting-room erase`: all that is kept of a shopper, or of a shop's shoppers, is deleted at once."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

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
        erased = eraser.shop(shop) if everybody else eraser.shopper(shop, identity, everywhere=True)
    print(json.dumps(asdict(erased)))
