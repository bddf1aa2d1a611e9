"""Requests as Shopify's app proxy forwards them, signed apart from the code under test."""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import urlencode


def signed(shop: str, secret: str, *, customer: str = "", age_s: int = 0, **extra: str) -> str:
    """A raw query with its signature, `age_s` seconds old."""
    query = {
        **extra,
        "shop": shop,
        "logged_in_customer_id": customer,
        "path_prefix": "/apps/fitting-room",
        "timestamp": str(int(time.time()) - age_s),
    }
    text = "".join(sorted(f"{name}={value}" for name, value in query.items()))
    return urlencode({**query, "signature": hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()})
