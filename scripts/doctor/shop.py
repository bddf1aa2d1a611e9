"""`fitting-room doctor --shop`: everything between a Shopify store and its first picture, seen from the server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from api.fetching import Fetcher
from api.settings import InvalidSettings, Settings, load_settings
from api.shops import ShopSettings
from scripts.doctor import address, admin, products, uploads, workers
from scripts.doctor.finding import Finding

TIMEOUT_S = 20.0


async def findings(domain: str) -> AsyncIterator[Finding]:
    """Of the shop with this domain, one after the other."""
    try:
        settings = load_settings()
    except InvalidSettings as error:
        yield Finding("settings", "refused", str(error))
        return
    shop = next((one for one in settings.shops if one.domain == domain.lower()), None)
    yield _named(settings, domain, shop)
    if shop is None or settings.mode != "shopify":
        return
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as http:
        reached = True
        async for finding in address.findings(http, settings, shop):
            reached = reached and not finding.fix
            yield finding
        seen = admin.NOTHING
        async for part in admin.findings(http, settings, shop):
            if isinstance(part, admin.Seen):
                seen = part
            else:
                yield part
        if reached:
            async for finding in uploads.findings(http, settings, shop, seen.domains):
                yield finding
        async for finding in products.findings(http, settings, shop, Fetcher(settings.picture_hosts)):
            yield finding
    yield workers.finding(settings)


def _named(settings: Settings, domain: str, shop: ShopSettings | None) -> Finding:
    if shop is None:
        known = ", ".join(one.domain for one in settings.shops) or "none"
        fix = f'Add a [[shops]] table with domain = "{domain.lower()}" to the settings file (there: {known}).'
        return Finding("settings", "no such shop", fix)
    if settings.mode != "shopify":
        return Finding("settings", f"{settings.mode} mode", 'Set mode = "shopify": storefronts come by the app proxy.')
    if shop.plan_has_expired:
        return Finding("settings", "the plan has ended", "Set plan_expires of this shop to a later moment.")
    return Finding("settings", f"shopify mode, products by {settings.product_source}")
