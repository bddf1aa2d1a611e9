"""The token by which a shop's API is asked: as its operator gave it, or as Shopify grants it to the app for a day."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import httpx
from pydantic import BaseModel, ValidationError

from api.sources.errors import AskAgain, ShopifyError

if TYPE_CHECKING:
    from api.shops import ShopSettings

GRANT = "/admin/oauth/access_token"
TIMEOUT_S = 10.0
EARLY_S = 600.0  # before its end, in which another is asked for
YOUNG_S = 60.0  # a token that is refused so soon after it was granted is not the trouble
NOT_GRANTED = (
    "Shopify grants no access token for {shop} ({why}). Check its shopify_client_id and app_secret_envs, "
    "and that the app is installed in the shop and belongs to the shop's own organisation."
)


class Token(Protocol):
    """Of one shop and one API."""

    async def value(self) -> str:
        """
        Raises:
            ShopifyError: there is none.
        """

    def is_worth_renewing(self, value: str) -> bool:
        """Whether `value`, which was refused, may just be too old."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """As it was given; only its operator can make another."""

    text: str = field(repr=False)

    async def value(self) -> str:
        return self.text

    def is_worth_renewing(self, _: str) -> bool:
        return False


class _Grant(BaseModel):
    access_token: str
    expires_in: float


class GrantedToken:
    """Of the Admin API, by OAuth's client credentials: the app's client id, and its secrets in turn."""

    def __init__(self, http: httpx.AsyncClient, shop: ShopSettings, address: str) -> None:
        self._http, self._shop, self._url = http, shop, address + GRANT
        self._turn = asyncio.Lock()
        self._text, self._since, self._until = "", 0.0, 0.0  # of the monotonic clock

    async def value(self) -> str:
        async with self._turn:
            if time.monotonic() >= self._until:
                granted = await self._granted()
                self._text, self._since = granted.access_token, time.monotonic()
                self._until = self._since + max(granted.expires_in / 2, granted.expires_in - EARLY_S)
            return self._text

    def is_worth_renewing(self, value: str) -> bool:
        if value == self._text and time.monotonic() < self._since + YOUNG_S:
            return False
        if value == self._text:
            self._until = 0.0
        return True

    async def _granted(self) -> _Grant:
        why = "no secret"
        for secret in self._shop.app_secrets:
            reply = await self._ask(secret.decode())
            if reply.status_code >= 500 or reply.status_code == 429:
                raise AskAgain(f"{self._shop.domain} answered {reply.status_code} to the wish for a token.")
            try:
                if reply.is_success:
                    return _Grant.model_validate_json(reply.content)
            except ValidationError:
                pass
            why = _why(reply)
        raise ShopifyError(NOT_GRANTED.format(shop=self._shop.domain, why=why))

    async def _ask(self, secret: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._shop.shopify_client_id or "",
            "client_secret": secret,
        }
        try:
            return await self._http.post(self._url, data=form, timeout=TIMEOUT_S)
        except httpx.HTTPError as error:
            raise AskAgain(f"{self._shop.domain} does not answer: {type(error).__name__}.") from None


def _why(reply: httpx.Response) -> str:
    """OAuth's own word for it, where there is one."""
    try:
        told = reply.json()["error"]
    except (ValueError, KeyError, TypeError):
        told = None
    is_word = isinstance(told, str) and told.replace("_", "").isalnum()
    return f"{told[:40]}" if is_word and isinstance(told, str) else f"it answered {reply.status_code}"
