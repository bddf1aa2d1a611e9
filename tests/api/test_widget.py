"""What the storefront's widget is told before it asks for a photograph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from models.catalog import read_card

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Api


def test_the_terms_the_size_and_the_model_s_notice(start_api: Callable[..., Api], products: Path) -> None:
    terms = "photo_retention_days = 1\nresult_retention_days = 3.5"
    api = start_api(terms, env={"FITTING_ROOM_PRODUCTS": str(products)})
    reply = httpx.get(f"{api.url}/public/widget")
    assert reply.headers["cache-control"] == "private, max-age=300"
    assert reply.json() == {
        "photoRetentionDays": 1,
        "resultRetentionDays": 3.5,
        "photoHeight": 1280,
        "collectsEmails": False,
        "notice": read_card("paperdoll").notice,
    }


def test_a_card_that_cannot_be_read_keeps_nobody_from_the_terms(start_api: Callable[..., Api], products: Path) -> None:
    api = start_api("card = 'nowhere.toml'", env={"FITTING_ROOM_PRODUCTS": str(products)})
    assert httpx.get(f"{api.url}/public/widget").json()["photoRetentionDays"] == 7
