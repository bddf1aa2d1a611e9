"""`fitting-room export`: what is held about a shopper, to be handed to them."""

from __future__ import annotations

import json

from api.export import held
from scripts.options import Data, settings_with
from scripts.shoppers import ClientId, Customer, Shop, eraser_of, identity_of


def run(shop: Shop, customer: Customer = None, client_id: ClientId = None, data: Data = None) -> None:
    """Print one line of JSON: ids, times, states and consent of what is held about a shopper, and no picture."""
    settings = settings_with(data=data)
    identity = identity_of(settings, shop, customer, client_id)
    with eraser_of(settings) as (eraser, blobs):
        print(json.dumps(held(eraser, blobs, shop, identity)))
