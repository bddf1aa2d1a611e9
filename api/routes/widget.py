"""What the storefront's widget must know before it asks for a photograph."""

from __future__ import annotations

import math
from functools import cache

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from api.contract import Reply
from api.dependencies import ServicesDep, ShopDep
from api.errors import Unauthorised, replies
from api.photos import ASPECT, LONGEST_SIDE
from api.settings import DAY_S
from models.catalog import CardError, read_card

router = APIRouter(prefix="/public", tags=["Widget"])

TTL_S = 300
COARSE = 1280  # pixels of height, below which a photograph looks coarse on a screen, however small the model's canvas


class WidgetReply(Reply):
    """Ours: the published contract has nothing like it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "photoRetentionDays": 7,
                "resultRetentionDays": 7,
                "photoHeight": 1280,
                "collectsEmails": True,
            }
        }
    )

    photo_retention_days: float = Field(description="Days after which a photograph is deleted.")
    result_retention_days: float = Field(description="Days after which a finished picture is deleted.")
    photo_height: int = Field(description="Pixels: what a photograph has above, after its crop to 4:5, is not used.")
    collects_emails: bool = Field(description="Whether an e-mail address that a shopper leaves reaches the shop.")
    notice: str | None = Field(None, description="What shoppers should know of the model's pictures.")


@router.get("/widget", response_model_exclude_none=True, responses=replies(Unauthorised))
async def widget(shared: ServicesDep, shop: ShopDep, response: Response) -> WidgetReply:
    """How long pictures are kept, how large a photograph the model uses, whether e-mail addresses reach the shop."""
    response.headers["Cache-Control"] = f"private, max-age={TTL_S}"
    terms, (height, notice) = shared.settings.terms, _known(shared.settings.card)
    return WidgetReply(
        photo_retention_days=terms.photo_s / DAY_S,
        result_retention_days=terms.result_s / DAY_S,
        photo_height=min(LONGEST_SIDE, max(COARSE, height)),
        collects_emails=shop.domain in shared.customers.apis,
        notice=notice or None,
    )


@cache
def _known(name: str) -> tuple[int, str]:
    """Height of the 4:5 photograph that covers the card's canvas, and the card's notice."""
    try:
        card = read_card(name)
    except CardError:  # the workers, who load it, say what is wrong
        return 0, ""
    return max(card.height, math.ceil(card.width / ASPECT)), card.notice
