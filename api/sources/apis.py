"""Which of Shopify's APIs a shop is asked by, where it is, and with which token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.sources.graphql import ShopApi
from api.sources.queries import ADMIN, STOREFRONT, Dialect
from api.sources.tokens import FixedToken, GrantedToken, Token

if TYPE_CHECKING:
    import httpx

    from api.shops import ShopSettings

ADDRESS = "https://{shop}"
DIALECTS: dict[str, Dialect] = {"admin": ADMIN, "storefront": STOREFRONT}


def shop_api(http: httpx.AsyncClient, shop: ShopSettings, dialect: Dialect) -> ShopApi:
    """That shop's API. For Admin's, an app with a client id is granted its token; others have theirs."""
    address = ADDRESS.format(shop=shop.domain)
    token: Token = FixedToken(shop.shopify_token or "")
    if dialect is ADMIN and shop.shopify_client_id:
        token = GrantedToken(http, shop, address)
    return ShopApi(http, shop.domain, address + dialect.path, dialect.token_header, token)
