"""What goes wrong between this service and Shopify."""

from __future__ import annotations


class ShopifyError(Exception):
    """Shopify does not tell; one sentence that says what to do."""


class AccessDenied(ShopifyError):
    """The token works, and the app has no leave for this."""


class AskAgain(ShopifyError):
    """Not now. `after_s`: what the shop told, None where it told nothing."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s
