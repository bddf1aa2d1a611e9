"""What must hold of the settings together, or the service refuses to start. Each rule raises ValueError."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.settings_model import Settings


def mode_is_safe(settings: Settings) -> None:
    if settings.mode == "open":
        _only_this_machine(settings)
        return
    if not settings.shops:
        raise ValueError(f"{settings.mode} mode needs at least one [[shops]] table in the settings file.")
    if not settings.public_url:
        raise ValueError(f"{settings.mode} mode needs public_url: the address at which browsers reach this server.")
    wanted = "app_secret_envs" if settings.mode == "shopify" else "api_key_envs"
    for shop in settings.shops:
        if not getattr(shop, wanted):
            raise ValueError(f"Shop {shop.domain} needs {wanted} in {settings.mode} mode.")


def _only_this_machine(settings: Settings) -> None:
    if not is_loopback(settings.host):
        raise ValueError(
            f"open mode listens only on loopback, not on {settings.host}. "
            "Use host 127.0.0.1, or mode api_key or shopify. To try it from another machine, log in with "
            f"`ssh -L {settings.port}:127.0.0.1:{settings.port}` and open http://127.0.0.1:{settings.port} there."
        )
    if len(settings.shops) > 1:
        raise ValueError("open mode has one shop: declare one [[shops]] table at most, or use another mode.")


def shopify_tells_products(settings: Settings) -> None:
    if settings.product_source == "folder":
        return
    if settings.mode == "open":
        raise ValueError("open mode shows the products of a folder: use product_source folder, or another mode.")
    for shop in settings.shops:
        if settings.product_source == "storefront" and not shop.shopify_token_env:
            raise ValueError(f"Shop {shop.domain} needs shopify_token_env: Shopify tells its products.")
        if settings.product_source == "admin" and not settings.reaches_admin(shop):
            raise ValueError(
                f"Shop {shop.domain} needs shopify_client_id or shopify_token_env: Shopify tells its products."
            )


def shops_are_distinct(settings: Settings) -> None:
    domains = [shop.domain for shop in settings.shops]
    if repeated := {domain for domain in domains if domains.count(domain) > 1}:
        raise ValueError(f"Each shop is declared once; repeated: {', '.join(sorted(repeated))}.")


def api_keys_are_distinct(settings: Settings) -> None:
    holders: dict[bytes, str] = {}
    for shop in settings.shops:
        for key in shop.api_keys:
            if holders.setdefault(key, shop.domain) != shop.domain:
                raise ValueError(
                    f"Shops {holders[key]} and {shop.domain} have the same API key. Give each a key of its own."
                )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


RULES: tuple[Callable[[Settings], None], ...] = (
    mode_is_safe,
    shopify_tells_products,
    shops_are_distinct,
    api_keys_are_distinct,
)
