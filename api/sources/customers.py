"""The shops' customers, as their Admin APIs keep them: found by e-mail address or made, tagged, and subscribed."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import httpx

from api.sources.apis import shop_api
from api.sources.errors import AccessDenied, ShopifyError
from api.sources.queries import ADMIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from datetime import datetime

    from api.shops import ShopSettings
    from api.sources.graphql import ShopApi

log = logging.getLogger(__name__)

TAG = "fitting-room"
PATIENCE_S = 20.0  # other tasks wait behind
SCOPES = ("read_customers", "write_customers")
ERRORS = "userErrors { field message }"
FIND = """query ByEmail($email: String!) {
  customerByIdentifier(identifier: {emailAddress: $email}) { id tags defaultEmailAddress { marketingState } }
}"""
CREATE = f"""mutation Create($input: CustomerInput!) {{
  customerCreate(input: $input) {{ customer {{ id }} {ERRORS} }}
}}"""
CONSENT = f"""mutation Consent($input: CustomerEmailMarketingConsentUpdateInput!) {{
  customerEmailMarketingConsentUpdate(input: $input) {{ customer {{ id }} {ERRORS} }}
}}"""
ADD_TAG = f"""mutation Tag($id: ID!, $tags: [String!]!) {{
  tagsAdd(id: $id, tags: $tags) {{ node {{ id }} {ERRORS} }}
}}"""
NO_LEAVE = (
    "%s does not let its app keep customers: give the app the scopes read_customers and write_customers and access to "
    "protected customer data, or e-mail addresses are lost"
)


class CustomerRefused(Exception):
    """Shopify takes no such customer, and never will; its sentence is not passed on, for it may name them."""


@dataclass(frozen=True, slots=True)
class Customers:
    """By the shops' Admin APIs, of those that have one."""

    apis: Mapping[str, ShopApi]

    @classmethod
    @asynccontextmanager
    async def open(cls, shops: Iterable[ShopSettings]) -> AsyncIterator[Customers]:
        async with httpx.AsyncClient() as http:
            yield cls({shop.domain: shop_api(http, shop, ADMIN) for shop in shops})

    async def keep(self, shop: str, email: str, consented_at: datetime | None) -> None:
        """Have a customer with this address, who consented to marketing at a moment or did not. May be repeated.

        Nobody is subscribed without consent; nobody is unsubscribed; and who unsubscribed stays so, for nothing
        proves that the address is of whoever tells it.

        Raises:
            CustomerRefused: the shop takes no such customer.
            ShopifyError: it cannot be done just now.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                await _keep(self.apis[shop], email, consented_at)
        except TimeoutError:
            raise ShopifyError(f"{shop} takes longer than {PATIENCE_S:g} s.") from None
        except AccessDenied:
            log.error(NO_LEAVE, shop)
            raise


async def _keep(api: ShopApi, email: str, consented_at: datetime | None) -> None:
    found = await _found(api, email)
    consent = {"emailMarketingConsent": _subscribed(consented_at)} if consented_at else {}
    if found is None:
        problems = await _told(api, CREATE, {"input": {"email": email, "tags": [TAG], **consent}})
        if not problems:
            return
        found = await _found(api, email)  # made meanwhile, or by a call whose answer was lost
        if found is None:
            raise CustomerRefused(_fields(problems))
    if TAG not in found["tags"]:
        await _told(api, ADD_TAG, {"id": found["id"], "tags": [TAG]})
    state = (found["defaultEmailAddress"] or {}).get("marketingState")
    if consent and state == "NOT_SUBSCRIBED":
        problems = await _told(api, CONSENT, {"input": {"customerId": found["id"], **consent}})
        if problems:
            raise CustomerRefused(_fields(problems))


async def _found(api: ShopApi, email: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (await api.ask(FIND, {"email": email}))["customerByIdentifier"]
    return found


async def _told(api: ShopApi, mutation: str, variables: dict[str, Any]) -> list[dict[str, Any]]:
    """What the shop has against it."""
    (payload,) = (await api.ask(mutation, variables)).values()
    problems: list[dict[str, Any]] = payload["userErrors"]
    return problems


def _fields(problems: list[dict[str, Any]]) -> str:
    return ", ".join(sorted({".".join(one["field"] or ["base"]) for one in problems}))


def _subscribed(at: datetime) -> dict[str, str]:
    written = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"marketingState": "SUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN", "consentUpdatedAt": written}
